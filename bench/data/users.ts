import type { OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../packages/millrace/src/record/writer.ts'
import { partitionOf } from '../../packages/millrace/src/std/murmur2.ts'

/** One row of the table that W3 joins: about 120 bytes of JSON. */
export interface User {
  readonly id: number
  readonly name: string
  readonly city: string
  readonly state: string
  readonly tier: number
  readonly since: number
}

/** What a record gets of its user's row; nulls where there is none. */
export interface UserFields {
  readonly name: string | null
  readonly city: string | null
  readonly state: string | null
  readonly tier: number | null
}

export const userCount = 100_000
const batchBytes = 128 * 1024
const cities = ['Phoenix', 'Los Angeles', 'San Francisco', 'Boise', 'Portland', 'Bend', 'Redmond', 'Seattle']
const states = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY']
const day = 86_400_000
const firstDay = Date.UTC(2015, 0, 1)

/** The row of a user by number; every tenth has none. */
function userOf(id: number): User | undefined {
  if (id % 10 === 0) return undefined
  const mixed = Math.imul(id + 1, 0x9e3779b1) >>> 0
  return {
    id,
    name: `user ${mixed.toString(36)} of ${id}`,
    city: cities[mixed % cities.length]!,
    state: states[(mixed >>> 8) % states.length]!,
    tier: (mixed >>> 16) % 5,
    since: firstDay + (mixed % 3650) * day,
  }
}

/** What the oracle expects of a user. */
export function fieldsOf(id: number): UserFields {
  const user = userOf(id)
  return {
    name: user?.name ?? null,
    city: user?.city ?? null,
    state: user?.state ?? null,
    tier: user?.tier ?? null,
  }
}

/** The table as batches of its topic, all at one time; `keyOf` gives the key of a user by number. */
export function* userBatches(
  topic: string,
  partitions: number,
  ids: readonly [first: number, end: number],
  keyOf: (id: number) => string,
  time: number,
): Generator<OutgoingBatch> {
  const writers = Array.from({ length: partitions }, () => new BatchWriter({ initialBytes: batchBytes }))
  for (let id = ids[0]; id < ids[1]; id++) {
    const user = userOf(id)
    if (user === undefined) continue
    const key = Buffer.from(keyOf(id))
    const value = Buffer.from(JSON.stringify(user))
    const partition = partitionOf(key, 0, key.length, partitions)
    const writer = writers[partition]!
    writer.append(time, key, 0, key.length, value, 0, value.length)
    if (writer.byteLength >= batchBytes - 1024) yield { topic, partition, bytes: writer.finish() }
  }
  for (const [partition, writer] of writers.entries())
    if (writer.count > 0) yield { topic, partition, bytes: writer.finish() }
}
