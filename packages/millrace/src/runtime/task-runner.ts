import { endSources, isTimed } from '../engine/bounded-run.ts'
import { nextOffset } from '../engine/next-offset.ts'
import { RunStop } from '../engine/program.ts'
import { liveRun, type Task } from '../engine/task.ts'
import type { TaskInput } from '../engine/task-input.ts'
import type { FetchedPartition } from '../log/log.ts'
import { isBroken } from '../std/broken-rules.ts'
import { isAligned } from './alignment.ts'
import type { InputPreparation } from './input-preparation.ts'
import { TableLoading } from './table-loading.ts'

/** Bytes an input may hold before it is left out of the fetches. */
const bufferedBytesMax = 4 * 1024 * 1024
const ignoresOrder = isBroken('6.1')

/** What became of a turn of a task. */
export type Turn = 'worked' | 'idle'

/** A bounded run as one of its tasks sees it. */
export interface TaskRun {
  /** Later runs of the group have larger numbers. */
  readonly no: number
  /** By input: the offset at which a source ends. */
  readonly ends: readonly number[]
}

/** Drives one task: which input goes next, when a channel is released, when the input is at its end. */
export class TaskRunner {
  readonly task: Task
  readonly #run: TaskRun | undefined
  /** By input, where its records may need something to be fetched before they can be read. */
  readonly #preparations: readonly (InputPreparation | undefined)[]
  readonly #tables: TableLoading
  /** Monotonic time since when an input has been waited for. */
  #waitingSinceMs: number | undefined

  constructor(task: Task, run?: TaskRun, preparations: readonly (InputPreparation | undefined)[] = []) {
    this.task = task
    this.#run = run
    this.#preparations = preparations
    this.#tables = new TableLoading(task.inputs)
    this.#knowEnds()
    task.beginRun(run?.no ?? liveRun)
  }

  /** An input that begins at its end is never fetched, and still nothing to wait for. */
  #knowEnds(): void {
    for (const input of this.task.inputs)
      if (input.fetchOffset >= this.#endOf(input)) input.highWatermark = input.fetchOffset
  }

  /** The positions to fetch: inputs that have room. */
  wanted(): { input: TaskInput; offset: number }[] {
    return this.task.inputs
      .filter(input => hasRoom(input) && input.fetchOffset < this.#endOf(input))
      .map(input => ({ input, offset: input.fetchOffset }))
  }

  /** Takes what a fetch brought for one of the inputs. */
  offer(input: TaskInput, fetched: FetchedPartition): void {
    const end = this.#endOf(input)
    const batches = Number.isFinite(end)
      ? fetched.batches.filter(batch => nextOffset(batch) <= end)
      : fetched.batches
    const { time, clock } = this.task
    if (batches.length > 0 && isTimed(input)) time.setReleased(input.channel, false)
    input.offer(
      { ...fetched, batches, highWatermark: Math.min(fetched.highWatermark, end) },
      nextOffset,
      clock.monotonic(),
    )
  }

  /** A fetch of the input failed. */
  unreachable(input: TaskInput): void {
    input.unreachable()
    this.#knowEnds()
  }

  #endOf(input: TaskInput): number {
    return this.#run?.ends[input.index] ?? Number.POSITIVE_INFINITY
  }

  /** Runs until the batch in work is used up, or something stops it. */
  turn(): Turn {
    const { task } = this
    // What comes of a call may meet a table too, which goes before all records of streams (SEMANTICS 6.2).
    const isLoading = this.#tables.inputs.length > 0
    if (!task.isParked && !isLoading && task.calls.giveOn()) return 'worked'
    if (task.isParked || task.isClosing) {
      // A close may make more records than may wait for calls.
      if (task.calls.isFull && !task.isParked) return 'idle'
      if (task.parkedUntilMs > task.clock.now() && task.isParked) return 'idle'
      task.resume()
      return 'worked'
    }
    // A close is through, or a release over: time that had ended may go on.
    task.comeBack()
    if (task.isFull && !isLoading) return 'idle'
    if (task.nextTickMs <= task.clock.now()) {
      task.fireTicks()
      return 'worked'
    }
    const worked = task.inputs.length === 1 ? this.#runOnly(task.inputs[0]!) : this.#runNext()
    if (worked) return 'worked'
    return this.#endInputs() || this.#passTime() ? 'worked' : 'idle'
  }

  #runOnly(input: TaskInput): boolean {
    if (input.pausedFor !== undefined || !this.#open(input)) return false
    this.task.program.run(this.task, input, Number.POSITIVE_INFINITY)
    return true
  }

  /** Takes the smallest head by (time, input, offset), once every input has one or is drained (SEMANTICS 6.1). */
  #runNext(): boolean {
    const { task } = this
    const heads: TaskInput[] = []
    const loading = this.#tables.inputs
    const inputs = loading.length > 0 ? loading : task.inputs
    for (const input of inputs) {
      const state = this.#findHead(input)
      if (state === 'head') heads.push(input)
      else if (state === 'stopped') return true
      else if (!input.isDrained && !ignoresOrder && !this.#waitedLongEnough(input)) return false
    }
    if (heads.length === 0) return false
    this.#waitingSinceMs = undefined
    heads.sort((a, b) => a.heldTime - b.heldTime || a.rank - b.rank)
    if (isPaused(heads)) return false
    if (heads.length < inputs.length) task.counters.passedOver++
    const [first, second] = heads as [TaskInput, TaskInput | undefined]
    task.program.run(task, first, this.#bound(first, second))
    return true
  }

  /** Up to where the first input may run. An input that is passed over gets nothing before the run is over. */
  #bound(first: TaskInput, second: TaskInput | undefined): number {
    if (second === undefined) return Number.POSITIVE_INFINITY
    // The number before a time: at equal times the input with the smaller index goes first.
    return first.rank < second.rank ? second.heldTime : second.heldTime * (1 - Number.EPSILON / 2)
  }

  #findHead(input: TaskInput): 'head' | 'none' | 'stopped' {
    while (!input.held) {
      if (!this.#open(input)) return 'none'
      const stop = this.task.program.run(this.task, input, Number.NEGATIVE_INFINITY)
      if (stop === RunStop.closing || stop === RunStop.parked || stop === RunStop.full) return 'stopped'
    }
    return 'head'
  }

  /** False while there is no batch, or while something is fetched that its records need to be read. */
  #open(input: TaskInput): boolean {
    return input.openBatch() && (this.#preparations[input.index]?.isReady ?? true)
  }

  #waitedLongEnough(input: TaskInput): boolean {
    const { clock } = this.task
    const maxWaitMs = input.origin.kind === 'source' ? input.origin.node.maxWaitMs : Number.POSITIVE_INFINITY
    this.#waitingSinceMs ??= clock.monotonic()
    return clock.monotonic() - this.#waitingSinceMs >= maxWaitMs
  }

  /** In a bounded run: an input at its end has no further record (SEMANTICS 3.5). */
  #endInputs(): boolean {
    if (this.#run === undefined) return false
    const isRead = (input: TaskInput) => input.isEmpty && input.position >= this.#endOf(input)
    return endSources(this.task, this.#run.no, isRead)
  }

  /** Releases channels that have been drained for long enough, and lets released time go on (SEMANTICS 3.4). */
  #passTime(): boolean {
    const { task } = this
    const now = task.clock.monotonic()
    for (const input of task.inputs) {
      if (!isTimed(input) || task.time.isReleased(input.channel)) continue
      const idleSinceMs = input.idleSinceMs(now)
      if (idleSinceMs === undefined || now - idleSinceMs < input.origin.node.idleMs) continue
      task.time.setReleased(input.channel, true)
    }
    const before = task.time.watermark
    task.advance()
    return task.isClosing || (task.time.watermark > before && task.sealed.length > 0)
  }

  /** A table has still to be read up to its end as of the start (SEMANTICS 6.2). */
  get isLoading(): boolean {
    return this.#tables.inputs.length > 0
  }

  /** The bounded run of this task is over: its sources are read, and all upstream tasks have said that theirs is. */
  get isAtEnd(): boolean {
    const { task } = this
    return (
      task.time.isBeyondEnd &&
      task.time.endedBy >= (this.#run?.no ?? 0) &&
      !task.isClosing &&
      !task.isParked &&
      task.isSettled &&
      task.inputs.every(input => input.isEmpty && this.#isRead(input))
    )
  }

  #isRead(input: TaskInput): boolean {
    return this.#run === undefined || input.origin.kind !== 'source' || input.position >= this.#endOf(input)
  }

  /** Resolves when what is fetched for its inputs is there or has failed; undefined where nothing is. */
  get fetching(): Promise<unknown> | undefined {
    const all = this.#preparations.flatMap(each => each?.fetching ?? [])
    return all.length === 0 ? undefined : Promise.all(all)
  }

  /** Nothing is to be read, or nothing before other partitions are further. */
  get isDrained(): boolean {
    const { task } = this
    return !task.isClosing && task.inputs.every(input => input.isDrained || input.pausedFor !== undefined)
  }

  /**
   * When something happens by itself: a release, a retry, or time that goes on for others, which is told every
   * `carryMs`. Monotonic ms from now, Infinity for never.
   */
  nextWakeMs(carryMs = 1_000): number {
    const { task } = this
    const now = task.clock.monotonic()
    let wake = task.isParked ? Math.max(0, task.parkedUntilMs - task.clock.now()) : Number.POSITIVE_INFINITY
    // Then only a call that is through lets it go on.
    if (task.isFull) return wake
    for (const input of task.inputs) {
      if (!isTimed(input)) continue
      const idleSinceMs = input.idleSinceMs(now)
      if (idleSinceMs === undefined) continue
      if (!task.time.isReleased(input.channel)) {
        wake = Math.min(wake, Math.max(0, idleSinceMs + input.origin.node.idleMs - now))
      }
    }
    if (task.time.allReleased) wake = Math.min(wake, task.nextDueInMs)
    if (task.time.allReleased && task.hasRepartition) wake = Math.min(wake, carryMs)
    return wake
  }
}

/** One that is paused is still fetched while it has nothing: others may have to know its next record (SEMANTICS 6.1). */
function hasRoom({ bufferedBytes, isEmpty, pausedFor }: TaskInput): boolean {
  return bufferedBytes < bufferedBytesMax && (pausedFor === undefined || isEmpty)
}

/** Whether the first of these heads has to wait, and none of those behind it is one that is waited for (SEMANTICS 3.8). */
function isPaused(heads: readonly TaskInput[]): boolean {
  return heads[0]!.pausedFor !== undefined && !heads.some(head => isAligned(head) && !head.pausedFor)
}
