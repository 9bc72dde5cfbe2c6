import { json } from '../../serde/json.ts'
import { VirtualClock } from '../../std/clock.ts'
import { type PipelineBuilder, pipeline } from '../../stream/pipeline.ts'
import { topic } from '../../stream/topic.ts'
import { EngineRun, type EngineRunOptions } from './engine-run.ts'

/** The record of tests whose values do not matter: an id to know it by, and what a test needs beside it. */
export interface Hit {
  readonly id: number
  readonly more?: string
  readonly key?: any
  readonly ms?: any
}

export const hits = topic('hits', { value: json<Hit>() })
export const out = topic<any, any, any>('out', { value: json<any>() })
export const other = topic<any, any, any>('other', { value: json<any>() })

type Mode = NonNullable<EngineRunOptions['mode']>

/** A pipeline under a clock that is past every record; nothing stops it for its failures unless the rate says so. */
export function started(
  mode: Mode,
  build: (p: PipelineBuilder) => unknown,
  options: EngineRunOptions = {},
  maxFailureRate = 1,
) {
  const clock = new VirtualClock(8e15)
  const graph = pipeline('p', { maxFailureRate }, p => void build(p)).graph
  return { run: new EngineRun(graph, { mode, clock, ...options }).start(), clock }
}

/** The ids in a topic, partition by partition. */
export function idsIn(run: EngineRun, topic = 'out'): number[] {
  return run.topics.records(topic).map(({ value }) => JSON.parse(value!.toString()).id)
}

/** Why records failed, in order. */
export function reasons(run: EngineRun): (string | undefined)[] {
  return run.sideRecords('failed').map(({ headers }) => headers['millrace.reason'])
}
