import fc from 'fast-check'
import type { ReferenceInput } from '../reference/types.ts'

/** Per topic and partition, the sizes of the batches that its records are appended in; their sum is the number of records. */
export type BatchCuts = ReadonlyMap<string, readonly (readonly number[])[]>

/** Cuts every partition of an input into batches of random sizes, single records and whole partitions among them. */
export function arbitraryCuts(input: ReferenceInput): fc.Arbitrary<BatchCuts> {
  const topics = [...input.topics]
  const lists = topics.map(([, partitions]) =>
    fc.tuple(...partitions.map(({ length }) => batchSizes(length))),
  )
  return fc.tuple(...lists).map(perTopic => new Map(topics.map(([topic], i) => [topic, perTopic[i]!])))
}

function batchSizes(length: number): fc.Arbitrary<number[]> {
  if (length === 0) return fc.constant([])
  const positions = fc.uniqueArray(fc.integer({ min: 1, max: length }), { maxLength: length })
  return positions.map(cuts => {
    const ends = [...new Set([...cuts, length])].sort((a, b) => a - b)
    return ends.map((end, i) => end - (ends[i - 1] ?? 0))
  })
}

/** A crash at a named point of one commit. */
export interface Crash<P extends string> {
  /** Commits are counted from 0 since the run before began. */
  readonly commit: number
  readonly point: P
}

/** Crashes in the order they happen, each in the run that follows the one before. */
export function arbitraryCrashes<P extends string>(
  points: readonly P[],
  { crashesMax = 4, commitsMax = 8 }: { crashesMax?: number; commitsMax?: number } = {},
): fc.Arbitrary<Crash<P>[]> {
  const crash = fc.record({ commit: fc.nat({ max: commitsMax }), point: fc.constantFrom(...points) })
  return fc.array(crash, { maxLength: crashesMax })
}
