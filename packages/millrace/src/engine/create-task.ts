import type { CommittedPosition } from '../log/log.ts'
import { repartitionTopic, sideTopic } from '../plan/names.ts'
import { inputName, type SubTopologyInput } from '../plan/sub-topology.ts'
import { KeyKind } from '../serde/serde.ts'
import type { StoreLayout } from '../state/layout.ts'
import { isBroken } from '../std/broken-rules.ts'
import type { BufferPool } from '../std/buffer-pool.ts'
import type { Clock } from '../std/clock.ts'
import { Calls } from './calls/calls.ts'
import type { Slice } from './closing.ts'
import { FailureRate, type Incident } from './failures.ts'
import { type Channel, Intake } from './intake.ts'
import { Lane } from './lane.ts'
import { type LineSinks, Lines } from './lines.ts'
import { decodeMetadata } from './metadata.ts'
import { Outputs } from './outputs.ts'
import type { Program } from './program.ts'
import { RepartitionLane } from './repartition-lane.ts'
import { SideStreams } from './side-streams.ts'
import type { StatefulStep } from './stateful-step.ts'
import type { SubPlan } from './sub-plan.ts'
import { openGlobalTable } from './tables/global-step.ts'
import { Task } from './task.ts'
import { TaskInput } from './task-input.ts'
import { type ChannelState, TaskTime, watermarkOf } from './time.ts'

const forgetsTime = isBroken('2.1')
/** A re-keyed record's channel is known from the marker in front of it; one of a global topic has none. */
const unknownChannel = -1
const recordBytesMaxDefault = 16 * 1024 * 1024

/** The world a task lives in: what it may ask about its surroundings, and where its side effects go. */
export interface TaskWorld {
  readonly clock: Clock
  readonly nextSeed: () => number
  readonly partitionsOf: (topic: string) => number
  /** Names of the upstream tasks that write a re-keying, in a fixed order. */
  readonly upstreamsOf: (keyBy: number) => readonly string[]
  /** Undefined where the log does not know what a topic takes. */
  readonly recordBytesMaxOf: (topic: string) => number | undefined
  /** What tasks write lies there until it is in the log. */
  readonly memory: BufferPool
  /** Smaller than what a loop needs, for tests of what happens between two slices. */
  readonly slice?: Slice
  readonly lines: LineSinks
  readonly wake: () => void
  readonly onFirstIncident: (incident: Incident) => void
}

/** Where an input goes on: its committed position, or where it starts without one. */
export interface StartPosition extends CommittedPosition {
  /** -1 when nothing was ever committed. */
  readonly committedOffset: number
}

/** A task's name: how it signs its markers. The sub-topology's name and the partition. */
export function taskName(plan: SubPlan, partition: number): string {
  return `${plan.sub.name}/${partition}`
}

/** Where a task reads a partition of a global topic from. */
export interface GlobalStart {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/**
 * Makes a task that goes on from committed positions, one per input, and reads global topics from `globals`. Its stores are empty:
 * fill them with `apply` and call `Task.restored` before the first record.
 */
export function createTask(
  plan: SubPlan,
  program: Program,
  partition: number,
  positions: readonly StartPosition[],
  world: TaskWorld,
  globals: readonly GlobalStart[] = [],
): Task {
  const metadata = positions.map(position => decodeMetadata(position.metadata))
  const channels = channelsOf(plan, world)
  const isSource = plan.sub.inputs.every(input => input.kind === 'source')
  const time = new TaskTime(channels.length, plan.sub.inputs.length + globals.length, isSource)
  const ordinary = plan.sub.inputs.map((origin, index) => {
    const position = positions[index]!
    const channel =
      origin.kind === 'source' ? channels.find(({ input }) => input === index)!.channel : unknownChannel
    return new TaskInput({
      index,
      loop: index,
      topic: position.topic,
      partition,
      origin,
      channel,
      judgedAt: origin.kind === 'source' ? watermarkOf(channel) : time.ownOf(index),
      keyKind: origin.kind === 'source' ? origin.node.topic.keySerde.kind : 0,
      offset: position.offset,
      committedOffset: position.committedOffset,
    })
  })
  const inputs = [...ordinary, ...globalInputs(plan, time, globals)]
  const task = new Task({
    plan,
    partition,
    program,
    inputs,
    time,
    clock: world.clock,
    slice: world.slice,
    wake: world.wake,
    recordBytesMaxOf: world.recordBytesMaxOf,
    memory: world.memory,
  })
  task.intake = new Intake(task, channels)
  task.lines = new Lines(task, world.lines)
  task.outputs = outputsOf(task, world)
  task.sides = sidesOf(task, world)
  task.steps = stepsOf(task, world)
  task.calls = new Calls(task.steps)
  for (const [input, known] of forgetsTime ? [] : metadata.entries()) {
    for (const { name, ...state } of known.channels) {
      const channel = channels.find(each => each.name === name && each.input === input)
      if (channel !== undefined) time.restoreChannel(channel.channel, withEnd(state, plan.sub.inputs[input]!))
    }
  }
  if (!forgetsTime && metadata[0]?.task !== undefined) restoreTask(task, metadata[0].task)
  return task
}

/** Earlier versions knew an end by its watermark alone. */
function withEnd(state: ChannelState, origin: SubTopologyInput): ChannelState {
  if (state.watermark < Number.POSITIVE_INFINITY) return state
  const watermark =
    origin.kind === 'source' ? state.maxTime - origin.node.outOfOrderMs : Number.NEGATIVE_INFINITY
  return { ...state, watermark, end: { no: 0, forGood: false } }
}

/** They stand behind the others: the first input is the one that a commit keeps the task's own fields with. */
function globalInputs(plan: SubPlan, time: TaskTime, starts: readonly GlobalStart[]): TaskInput[] {
  const before = plan.sub.inputs.length
  return starts.map(({ topic, partition, offset }, i) => {
    const which = plan.sub.globals.findIndex(({ node }) => node.topic.name === topic)
    const origin = plan.sub.globals[which]!
    return new TaskInput({
      index: before + i,
      loop: before + which,
      topic,
      partition,
      origin,
      channel: unknownChannel,
      judgedAt: time.ownOf(before + i),
      keyKind: origin.node.topic.keySerde.kind,
      offset,
      committedOffset: offset,
    })
  })
}

function restoreTask(task: Task, known: NonNullable<ReturnType<typeof decodeMetadata>['task']>): void {
  const { time } = task
  // Earlier versions forgot how far time was before its end.
  const settled = known.settled < Number.POSITIVE_INFINITY ? known.settled : time.largestWatermark
  time.restoreTask(known.watermark, settled)
  task.commits = known.commits
  if (time.isBeyondEnd) task.cutEnd = time.endedBy
  task.plan.wallTicks.forEach((emit, i) => {
    const tick = known.ticks[i]
    if (tick !== undefined)
      task.ticks.restore(emit.id, { ...tick, watermark: Math.min(tick.watermark, settled) })
  })
}

/** One channel per source input, and one per upstream task of a re-keying. */
function channelsOf(plan: SubPlan, world: TaskWorld): Channel[] {
  const named = plan.sub.inputs.flatMap((input, index) => {
    const names = input.kind === 'source' ? [`source:${inputName(input)}`] : world.upstreamsOf(input.keyBy.id)
    return names.map(name => ({ name, input: index }))
  })
  return named.map((each, channel) => ({ ...each, channel }))
}

function outputsOf(task: Task, world: TaskWorld): Outputs {
  const { plan, partition, sealed } = task
  const outputs = new Outputs(task)
  const laneOf = (topic: string) => ({
    topic,
    partitions: world.partitionsOf(topic),
    partitionWithoutKey: partition,
    recordBytesMax: world.recordBytesMaxOf(topic) ?? recordBytesMaxDefault,
    sealed,
    memory: world.memory,
  })
  for (const id of plan.sub.nodeIds) {
    const node = plan.graph.nodes[id]!
    if (node.kind === 'to') {
      outputs.add(node, new Lane(laneOf(node.topic.name)))
    } else if (node.kind === 'keyBy') {
      const topic = repartitionTopic(plan.app, plan.graph.name, node.name)
      const upstream = taskName(plan, partition)
      outputs.add(node, new RepartitionLane({ ...laneOf(topic), upstream, granuleMs: node.watermarkMs }))
    }
  }
  return outputs
}

function sidesOf(task: Task, world: TaskWorld): SideStreams {
  const { plan } = task
  const lanes = new Map<string, Lane>()
  return new SideStreams({
    task,
    failureRate: new FailureRate(plan.graph.options.maxFailureRate),
    onFirst: world.onFirstIncident,
    laneOf(side) {
      const topic = sideTopic(plan.app, plan.graph.name, side)
      let lane = lanes.get(topic)
      if (lane === undefined) {
        lane = new Lane({
          topic,
          partitions: 1,
          partitionWithoutKey: 0,
          // Whatever was read or made here must find a place: nothing may be lost for its size.
          recordBytesMax: Number.POSITIVE_INFINITY,
          sealed: task.sealed,
          memory: world.memory,
        })
        lanes.set(topic, lane)
        task.outputs.addSide(lane)
      }
      return lane
    },
  })
}

/** What the stores of a sub-topology's tasks are laid out like, by step. */
export function storeLayouts(plan: SubPlan): StoreLayout[] {
  return plan.stateful.map(step => step.layout(keySerdeOf(plan)))
}

function stepsOf(task: Task, world: TaskWorld): StatefulStep[] {
  const steps: StatefulStep[] = []
  for (const plan of task.plan.stateful)
    steps[plan.node.id] = plan.open(task, keySerdeOf(task.plan), world.nextSeed)
  for (const node of task.plan.globalTables) steps[node.id] = openGlobalTable(node, world.nextSeed)
  return steps
}

/** Keys that carry their kind need no name; a serde of the user's is part of the store's layout. */
function keySerdeOf({ sub }: SubPlan): string {
  const origin = sub.inputs[0]!
  if (origin.kind !== 'source') return ''
  const { keySerde } = origin.node.topic
  return keySerde.kind === KeyKind.serde ? keySerde.id : ''
}
