import { inputName } from '../plan/sub-topology.ts'
import { type ClosingWindow, type EmittingStep, isEmitting } from './emitting-step.ts'
import { explanationText } from './explain-text.ts'
import type { Channel } from './intake.ts'
import type { MissedGrace } from './missed-grace.ts'
import type { StatefulStep } from './stateful-step.ts'
import type { Task } from './task.ts'

/** Why a step of one task has not given its next result yet. */
export interface StepExplanation {
  readonly step: string
  readonly task: string
  readonly partition: number
  /** Event time that the task has reached, in ms since the epoch; undefined before its first record, Infinity after its last. */
  readonly watermark: number | undefined
  /** The window that closes next; undefined when none is open. */
  readonly next: OpenWindow | undefined
  /**
   * Of a step without windows, such as a join, a table or a process step: the event time at which it next gives or deletes something by
   * itself; undefined while nothing in it waits.
   */
  readonly dueAt: number | undefined
  /** What the task's event time comes from, the slowest first. */
  readonly inputs: readonly InputExplanation[]
  /** How many of the records that were late in this task more grace would have kept. */
  readonly missedGrace: readonly MissedGrace[]
  /** All of it for people. */
  readonly text: string
}

export interface OpenWindow {
  readonly start: number
  readonly end: number
  /** The event time at which it closes: its end, its grace, and what steps in front of it hold back. */
  readonly closesAt: number
  /** The event time up to which it takes records and gives its rows again, where lateness is allowed behind its close. */
  readonly latenessEndsAt?: number
  /** How far event time has to go until it closes, or until its lateness ends; undefined before the first record. */
  readonly missingMs: number | undefined
  /** A wall-clock emission in front of it has not fired since; until then event time stands still behind it. */
  readonly waitsForTick: boolean
}

/** One source partition, or one upstream task of a re-keying. */
export interface InputExplanation {
  readonly topic: string
  readonly partition: number
  /** The task that writes what is re-keyed here. */
  readonly upstream?: string
  readonly watermark: number | undefined
  /** The largest event time seen, where the partition's own records say it. */
  readonly largestTime: number | undefined
  /**
   * `holds back`: the task is no further than this. `ahead`: others are slower. `idle`: left out until it speaks again.
   * `ended`: nothing more comes.
   */
  readonly state: 'holds back' | 'ahead' | 'idle' | 'ended'
  /** Offset of the next record, and how many are there to be read. */
  readonly nextOffset: number
  readonly lag: number
  /** How long it has had nothing to read; undefined while there is something. */
  readonly drainedMs: number | undefined
  /** How long it must have nothing to read until it is left out; Infinity for never. */
  readonly idleMs: number | undefined
  /** What of it is not read further, for it is more than `maxDrift` ahead of the slowest partition, and which that is. */
  readonly paused?: readonly PausedExplanation[]
  /** Of the task that writes what is re-keyed here: the call that event time waits for; undefined where there is none. */
  readonly call?: CallExplanation
  /** What a record must have as its time so that the next window closes as far as this input goes. */
  readonly neededTime: number | undefined
  /** The same where a watermark function decides: what it must say. */
  readonly neededWatermark?: number
}

/** A partition that waits for another one of its pipeline. */
export interface PausedExplanation {
  readonly topic: string
  readonly partition: number
  readonly watermark: number | undefined
  readonly maxDriftMs: number
  readonly waitsFor: {
    readonly topic: string
    readonly partition: number
    readonly watermark: number | undefined
  }
}

/** The oldest record that waits for its result at an `asyncMap`. */
export interface CallExplanation {
  readonly step: string
  readonly key: unknown
  readonly topic: string
  readonly offset: number
  readonly timestamp: number
  readonly waitedMs: number
  /** How often its call has failed. */
  readonly attempt: number
  /** How many records wait there, this one included. */
  readonly waiting: number
}

/** Explains what a step with a store waits for in its task; `tasks` are those of its pipeline that run here. */
export function explainStep(task: Task, step: StatefulStep, tasks: readonly Task[] = []): StepExplanation {
  const next = isEmitting(step) ? nextOf(task, step) : undefined
  const dueAt = isEmitting(step) ? undefined : step.nextDue()?.at
  const closesAt = next === undefined ? dueAt : nextStepOf(next, known(task.time.watermark))
  const inputs = task.intake.channels
    .map(channel => ({
      ...inputOf(task, channel, closesAt),
      ...callInFront(task, channel, tasks),
      ...pausedOf(task, channel, tasks),
    }))
    .sort((a, b) => rankOf(a) - rankOf(b))
  const explanation = {
    step: step.name,
    task: task.name,
    partition: task.partition,
    watermark: known(task.time.watermark),
    next,
    dueAt,
    inputs,
    missedGrace: isEmitting(step) ? step.missedGraces.rows : [],
  }
  return { ...explanation, text: explanationText(explanation) }
}

function nextOf(task: Task, step: EmittingStep): OpenWindow | undefined {
  const window = step.nextWindow
  if (window === undefined) return undefined
  const watermark = known(task.time.watermark)
  const goesAt = nextStepOf(window, watermark)
  return {
    ...window,
    missingMs: watermark === undefined ? undefined : Math.max(0, goesAt - watermark),
    waitsForTick: watermark !== undefined && watermark >= goesAt,
  }
}

/** When a window closes, or behind that, when it takes no late record any more. */
function nextStepOf(
  { closesAt, latenessEndsAt = closesAt }: ClosingWindow,
  watermark: number | undefined,
): number {
  return watermark !== undefined && watermark >= closesAt ? latenessEndsAt : closesAt
}

function inputOf(task: Task, { name, channel, input }: Channel, closesAt?: number): InputExplanation {
  const { time, clock } = task
  const { maxTime, watermark, released, end } = time.channelState(channel)
  const { topic, partition, position, highWatermark, origin } = task.inputs[input]!
  const nowMs = clock.monotonic()
  const idleSinceMs = task.inputs[input]!.idleSinceMs(nowMs)
  const source = origin.kind === 'source' ? origin.node : undefined
  const isSlowest = watermark <= time.watermark
  return {
    topic: source === undefined ? inputName(origin) : topic,
    partition,
    ...(source === undefined && { upstream: name }),
    watermark: known(watermark),
    largestTime: known(maxTime),
    state: end !== undefined ? 'ended' : released ? 'idle' : isSlowest ? 'holds back' : 'ahead',
    nextOffset: position,
    lag: Math.max(0, highWatermark - position),
    drainedMs: idleSinceMs === undefined ? undefined : Math.max(0, nowMs - idleSinceMs),
    idleMs: source?.idleMs,
    neededTime:
      source === undefined || source.watermark || closesAt === undefined || watermark >= closesAt
        ? undefined
        : closesAt + source.outOfOrderMs,
    ...(source?.watermark !== undefined &&
      closesAt !== undefined &&
      watermark < closesAt && { neededWatermark: closesAt }),
  }
}

/** The call that holds back what the writer of a channel says of event time. */
function callInFront(
  task: Task,
  { name, input }: Channel,
  tasks: readonly Task[],
): Pick<InputExplanation, 'call'> {
  const { origin } = task.inputs[input]!
  const writer = tasks.find(each => each.name === name)
  if (origin.kind === 'source' || writer === undefined) return {}
  const { calls } = writer.plan.reaches[origin.keyBy.id]!
  const [step] = writer.calls.steps
    .filter(({ node, isIdle }) => calls.includes(node) && !isIdle)
    .sort((a, b) => a.heldAt - b.heldAt)
  return step === undefined ? {} : { call: step.explainOldest() }
}

/** What is paused of a source, or of the sources of the task that writes a channel. */
function pausedOf(
  task: Task,
  { name, input }: Channel,
  tasks: readonly Task[],
): Pick<InputExplanation, 'paused'> {
  const isSource = task.inputs[input]!.origin.kind === 'source'
  const reader = isSource ? task : tasks.find(each => each.name === name)
  const inputs = isSource ? [task.inputs[input]!] : (reader?.inputs ?? [])
  const paused = inputs.flatMap(({ topic, partition, channel, origin, pausedFor }) => {
    if (pausedFor === undefined || origin.kind !== 'source') return []
    return {
      topic,
      partition,
      watermark: known(reader!.time.channelState(channel).watermark),
      maxDriftMs: origin.node.maxDriftMs,
      waitsFor: { ...pausedFor, watermark: known(pausedFor.watermark) },
    }
  })
  return paused.length === 0 ? {} : { paused }
}

/** Those that hold the task back come first, the slowest of them before the others. */
function rankOf({ state, watermark = Number.NEGATIVE_INFINITY }: InputExplanation): number {
  if (state === 'holds back') return Math.max(watermark, -Number.MAX_VALUE)
  return state === 'ahead' ? Math.min(watermark, Number.MAX_VALUE) : Number.POSITIVE_INFINITY
}

/** Before the first record a time is none. */
function known(time: number): number | undefined {
  return time === Number.NEGATIVE_INFINITY ? undefined : time
}
