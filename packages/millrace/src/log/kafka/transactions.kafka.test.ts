import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { batchInfo } from '../../record/batch.ts'
import { joinGroup, type TestMember } from '../conformance/member.ts'
import { AT_ONCE, type Context, outgoing, readAll } from '../conformance/store.ts'
import { type Commit, CommitError, type Log } from '../log.ts'
import { openKafkaIn } from './open.ts'
import { testBrokers } from './testkit/brokers.ts'
import { type Fault, FaultyDial } from './testkit/faulty-dial.ts'
import { prefixedLog } from './testkit/prefixed-log.ts'
import { REQUEST } from './testkit/watch-requests.ts'

const limits = { sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000 } as Context

interface Bench {
  readonly log: Log
  readonly faults: FaultyDial
  readonly member: TestMember
}

async function withBench(
  isFlow1: boolean,
  run: (bench: Bench) => Promise<void>,
  besideBytesMax?: number,
): Promise<void> {
  const faults = new FaultyDial()
  const opened = await openKafkaIn({ dial: faults.dial, isFlow1, besideBytesMax }, { brokers: testBrokers() })
  const log = prefixedLog(opened, `x${crypto.randomUUID().slice(0, 8)}.`)
  try {
    await log.createTopics([
      { name: 't', partitions: 1 },
      { name: 'out', partitions: 2 },
    ])
    const { promise: assigned, resolve } = Promise.withResolvers<void>()
    const member = await joinGroup(limits, log, { onIdentity: () => {} })
    const poll = setInterval(() => member.owned().length === 1 && resolve(), 5)
    await assigned
    clearInterval(poll)
    await run({ log, faults, member })
    await member.membership.leave()
    await log.deleteTopics(['t', 'out'])
  } finally {
    await log.close()
  }
}

function commitTo(member: TestMember, from: number, to: number, text: string, metadataBytes = 0): Commit {
  const metadata = new Uint8Array(metadataBytes).fill(to)
  return {
    identity: member.identity(),
    batches: [outgoing('out', 0, text), outgoing('out', 1, text)],
    positions: [{ topic: 't', partition: 0, previousOffset: from, offset: to, metadata }],
  }
}

/** What a reader of committed data sees in each partition, once no transaction is open any more. */
async function visible(log: Log): Promise<(string | null)[][]> {
  for (const { partition, latest } of await log.offsets('out')) {
    for (let offset = 0; offset < latest; ) {
      const [found] = await log.fetch([{ topic: 'out', partition, offset }], {
        ...AT_ONCE,
        maxWaitMs: 15_000,
      })
      assert.ok(found!.batches.length > 0, 'a transaction hangs')
      offset = batchInfo(found!.batches.at(-1)!).lastOffset + 1
    }
  }
  return Promise.all(
    [0, 1].map(async partition => (await readAll(log, { topic: 'out', partition })).map(each => each.value)),
  )
}

/** Where the group stands, after a look at the metadata that belongs to that. */
async function positionOf(log: Log, metadataBytes = 0): Promise<number> {
  const [found] = await log.committed('g', [{ topic: 't', partition: 0 }])
  if (found === undefined) return -1
  assert.deepEqual(found.metadata, new Uint8Array(metadataBytes).fill(found.offset))
  return found.offset
}

for (const isFlow1 of [false, true]) {
  const requests: (keyof typeof REQUEST)[] = isFlow1
    ? ['initProducerId', 'addPartitionsToTxn', 'produce', 'addOffsetsToTxn', 'txnOffsetCommit', 'endTxn']
    : ['initProducerId', 'produce', 'txnOffsetCommit', 'endTxn']
  describe(`transactions ${isFlow1 ? 'before' : 'of'} KIP-890`, () => {
    const faults = requests.flatMap(request =>
      (['request lost', 'answer lost'] satisfies Fault[]).map(fault => ({ request, fault })),
    )
    for (const { request, fault } of faults) {
      for (const bytes of [0, 5_000]) {
        const what = bytes === 0 ? '' : ', with metadata that is a record'
        it(`[2.1] [2.4] are whole or not at all when of ${request} the ${fault.replace(' ', ' is ')}${what}`, async () => {
          await withBench(isFlow1, async ({ log, faults, member }) => {
            const isFirst = request === 'initProducerId'
            if (!isFirst) await log.commit(commitTo(member, -1, 0, 'before', bytes))
            const from = isFirst ? -1 : 0
            faults.arm(REQUEST[request], fault)
            const outcome = await log.commit(commitTo(member, from, 1, 'tried', bytes)).then(
              () => 'committed',
              (error: unknown) => {
                assert.ok(error instanceof CommitError, String(error))
                return error.outcome
              },
            )
            assert.equal(faults.fired, 1)
            const before = isFirst ? [] : ['before']
            const tried = outcome === 'committed' ? ['tried'] : []
            assert.ok(outcome === 'committed' || outcome === 'aborted', outcome)
            assert.equal(await positionOf(log, bytes), outcome === 'committed' ? 1 : from)
            assert.deepEqual(await visible(log), [
              [...before, ...tried],
              [...before, ...tried],
            ])
            await log.commit(commitTo(member, await positionOf(log, bytes), 2, 'after', bytes))
            assert.equal(await positionOf(log, bytes), 2)
            assert.deepEqual((await visible(log))[1], [...before, ...tried, 'after'])
          })
        })
      }
    }

    it('[2.1] go on after a record that is too large for the broker', async () => {
      await withBench(isFlow1, async ({ log, member }) => {
        const large = commitTo(member, -1, 1, 'x'.repeat(1_100_000))
        await assert.rejects(log.commit(large), { name: 'LogError', code: 'record-too-large' })
        assert.deepEqual(await visible(log), [[], []])
        await log.commit(commitTo(member, -1, 1, 'smaller'))
        assert.deepEqual(await visible(log), [['smaller'], ['smaller']])
      })
    })

    it('[2.1] say what to do when the brokers take less beside a position than is put there, and go on', async () => {
      const run = async ({ log, member }: Bench) => {
        await assert.rejects(log.commit(commitTo(member, -1, 1, 'one', 4_000)), {
          name: 'LogError',
          retriable: false,
          message: /position of group .* in .*t\/0.*takes 5336 characters.*offset\.metadata\.max\.bytes/,
        })
        await log.commit(commitTo(member, -1, 1, 'two'))
        assert.equal((await visible(log))[0]!.at(-1), 'two')
      }
      await withBench(isFlow1, run, 4_000)
    })

    it('may hold several batches for one partition, in order', async () => {
      await withBench(isFlow1, async ({ log, member }) => {
        const commit = commitTo(member, -1, 1, 'first')
        const more = Array.from({ length: 12 }, (_, i) => outgoing('out', i % 2, `${i}`))
        const { baseOffsets } = await log.commit({ ...commit, batches: [...commit.batches, ...more] })
        assert.deepEqual(baseOffsets, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6])
        assert.deepEqual((await visible(log))[0], ['first', '0', '2', '4', '6', '8', '10'])
      })
    })
  })
}
