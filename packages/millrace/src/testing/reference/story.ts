import type { Graph } from '../../plan/graph.ts'
import { referenceRun } from './reference-run.ts'
import type { RawRecord, ReferenceResult, SidePort } from './types.ts'

/** Where the histories of the model's tests begin, in ms; a multiple of a minute. */
export const storyStart = 1_700_000_040_000

/** A record `second` seconds into the story. A string is taken as raw bytes, anything else as JSON. */
export function record(second: number, value: unknown, key: string | null = null): RawRecord {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(text),
    timestamp: storyStart + second * 1000,
  }
}

/** Runs a pipeline over partitions of one topic; the input ends unless `bounded` is false. */
export function run(
  { graph }: { readonly graph: Graph },
  topics: Readonly<Record<string, readonly (readonly RawRecord[])[]>>,
  { bounded = true } = {},
): ReferenceResult {
  return referenceRun(graph, { topics: new Map(Object.entries(topics)), bounded })
}

/** The values written to a topic. */
export function valuesOf(result: ReferenceResult, topic: string): unknown[] {
  return result.outputs.get(topic)!.rows.map(({ value }) => value)
}

/** The keys written to a topic, as text, each with its value. */
export function pairsOf(result: ReferenceResult, topic: string): unknown[] {
  return result.outputs.get(topic)!.rows.map(({ key, value }) => [key && Buffer.from(key).toString(), value])
}

/** Step, reason and offset of what is in an unwired side stream. */
export function incidentsOf(result: ReferenceResult, port: SidePort): unknown[] {
  return result.sideStreams.get(port)!.rows.map(({ step, reason, origin }) => [step, reason, origin?.offset])
}
