import { WindowStore } from '../../state/window-store.ts'
import type { Random } from '../../std/random.ts'
import type { Task } from '../task.ts'
import { promisesRun } from './call-desk.ts'
import type { EngineRun } from './engine-run.ts'

export interface ScheduleOptions {
  readonly random: Random
  /** Steps that happen before the run is left to come to its end. */
  readonly steps: number
  /** How often, out of 1, a step is a loss of tasks. */
  readonly crashRate: number
  readonly commitRate: number
  /** How often a commit is followed by a trim of its changelogs. */
  readonly trimRate: number
}

/** What happened, so that a test can tell that it did. */
export interface ScheduleCounts {
  crashes: number
  commits: number
  /** Tasks lost in the middle of closing windows. */
  crashesWhileClosing: number
  trims: number
}

/**
 * Drives a run to its end in a random order: which task goes on, how much it fetches, when which tasks
 * commit, and when they are lost.
 */
export function runRandomly(run: EngineRun, options: ScheduleOptions): ScheduleCounts {
  const counts: ScheduleCounts = { crashes: 0, commits: 0, crashesWhileClosing: 0, trims: 0 }
  run.start()
  run.endInputs()
  for (let i = 0; i < options.steps; i++) act(run, options, counts)
  run.drain()
  return counts
}

/** What asynchronous steps wait for. */
export interface Answers {
  readonly size: number
  answer(index: number): void
}

/** The same for a run whose calls are answered in a random order too. */
export function runWithAnswers(
  run: EngineRun,
  answers: Answers,
  options: ScheduleOptions,
): Promise<AnsweredCounts> {
  run.start()
  run.endInputs()
  return goOnWithAnswers(run, answers, options)
}

export type AnsweredCounts = ScheduleCounts & { answers: number }

/** The same for a run that has begun. */
export async function goOnWithAnswers(
  run: EngineRun,
  answers: Answers,
  options: ScheduleOptions,
): Promise<AnsweredCounts> {
  const { random } = options
  const counts = { crashes: 0, commits: 0, crashesWhileClosing: 0, trims: 0, answers: 0 }
  const answer = async () => {
    await promisesRun()
    if (answers.size === 0) return
    counts.answers++
    answers.answer(Math.floor(random() * answers.size))
    await promisesRun()
  }
  for (let i = 0; i < options.steps; i++) {
    act(run, options, counts)
    if (random() < 0.3) await answer()
  }
  const isWaiting = () => [...run.tasks.values()].some(task => !task.calls.isIdle)
  for (run.drain(); isWaiting() || answers.size > 0; run.drain()) await answer()
  return counts
}

function act(
  run: EngineRun,
  { random, crashRate, commitRate, trimRate }: ScheduleOptions,
  counts: ScheduleCounts,
): void {
  const tasks = [...run.tasks.values()]
  const draw = random()
  if (draw < crashRate) {
    const lost = some(tasks, random)
    counts.crashes++
    counts.crashesWhileClosing += lost.filter(task => task.isClosing).length
    run.crash(lost)
    return
  }
  if (draw < crashRate + commitRate) {
    const chosen = some(tasks, random)
    counts.commits++
    run.commit(chosen)
    if (random() < trimRate) for (const task of chosen) trim(run, task, random, counts)
    return
  }
  const task = pick(tasks, random)
  const input = pick(task.inputs, random)
  run.poll(input, 1 + Math.floor(random() * 4))
  if (!run.step(task) && random() < 0.5) run.endSources(task)
}

/** Moves old rows on and forgets what no open window needs. */
function trim(run: EngineRun, task: Task, random: Random, counts: ScheduleCounts): void {
  for (const step of task.steps) {
    if (!(step?.store instanceof WindowStore)) continue
    const topic = run.changelogOf(step.name)
    const offset = step.store.trimOffset()
    if (offset > 0) counts.trims++
    run.topics.trim(topic, task.partition, offset)
    step.store.rewriteOlderThan(
      Math.floor(run.topics.end(topic, task.partition) * random()),
      1 + Math.floor(random() * 5),
    )
  }
}

function pick<T>(all: readonly T[], random: Random): T {
  return all[Math.floor(random() * all.length)]!
}

/** All of them half of the time, else a random part. */
function some<T>(all: readonly T[], random: Random): T[] {
  return random() < 0.5 ? [...all] : all.filter(() => random() < 0.5)
}
