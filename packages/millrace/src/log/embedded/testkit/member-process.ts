/** A member that copies the names of the records of `in` to `out`, exactly once, until it is told to stop. */
import { RecordCursor } from '../../../record/cursor.ts'
import { CommitError, type MemberIdentity } from '../../log.ts'
import { openEmbeddedLog } from '../open.ts'
import { batchOf } from './records.ts'

const NOTHING = new Uint8Array(0)
const [directory] = process.argv.slice(2)
const tell = (type: string, rest: object = {}) => process.send!({ type, ...rest })

const log = await openEmbeddedLog({ directory: directory! })
/** Committed position by partition of `in`. */
const owned = new Map<number, number>()
let identity: MemberIdentity | undefined
/** What it was when it was asked to remember; by the time it uses that, it may have joined anew. */
let remembered: MemberIdentity | undefined
let round: Promise<void> = Promise.resolve()
let isStopping = false

async function takeOver(partitions: readonly { partition: number }[]): Promise<void> {
  const places = partitions.map(({ partition }) => ({ topic: 'in', partition }))
  const committed = await log.committed('g', places)
  for (const { partition } of places) {
    owned.set(partition, committed.find(found => found.partition === partition)?.offset ?? -1)
  }
}

async function copy(): Promise<void> {
  const places = [...owned].map(([partition, offset]) => ({
    topic: 'in',
    partition,
    offset: Math.max(offset, 0),
  }))
  const found = await log.fetch(places, { maxWaitMs: 50, maxBytes: 1 << 16, partitionMaxBytes: 1 << 14 })
  const names: string[] = []
  const positions = []
  const cursor = new RecordCursor()
  for (const { partition, offset, batches } of found) {
    if (batches.length === 0 || !owned.has(partition)) continue
    let next = offset
    for (const batch of batches) {
      cursor.open(batch)
      while (cursor.next()) if (cursor.offset >= offset) names.push(`${partition}:${cursor.offset}`)
      next = cursor.lastOffset + 1
    }
    positions.push({
      topic: 'in',
      partition,
      offset: next,
      metadata: NOTHING,
      previousOffset: owned.get(partition)!,
    })
  }
  if (names.length === 0 || identity === undefined) return
  await log.commit({ identity, batches: [{ topic: 'out', partition: 0, bytes: batchOf(names) }], positions })
  for (const { partition, offset } of positions) owned.set(partition, offset)
}

const membership = await log.join({
  group: 'g',
  topicSets: [['in']],
  sessionTimeoutMs: 2000,
  rebalanceTimeoutMs: 10_000,
  onAssigned: (partitions, current) => {
    identity = current
    round = round.then(() => takeOver(partitions))
  },
  onIdentity: current => {
    identity = current
  },
  onRevoked: async partitions => {
    await round
    for (const { partition } of partitions) owned.delete(partition)
  },
  onLost: () => {
    identity = undefined
    owned.clear()
    tell('lost')
  },
})
tell('joined')

process.on('message', async ({ type }: { type: string }) => {
  if (type === 'stop') isStopping = true
  if (type === 'remember') {
    remembered = identity
    tell('remembered')
  }
  if (type !== 'stale') return
  const batches = [{ topic: 'out', partition: 0, bytes: batchOf(['zombie']) }]
  await log.commit({ identity: remembered!, batches, positions: [] }).then(
    () => tell('committed'),
    error => tell(error instanceof CommitError ? error.outcome : 'failed', { message: error.message }),
  )
})

while (!isStopping) {
  round = round.then(copy).catch(async error => {
    if (!(error instanceof CommitError)) throw error
    await takeOver([...owned.keys()].map(partition => ({ partition })))
  })
  await round
  await new Promise(resolve => setImmediate(resolve))
}
await membership.leave()
await log.close()
process.disconnect()
