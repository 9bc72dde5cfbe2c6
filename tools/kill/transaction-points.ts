import { type Dial, systemDial } from '../../packages/millrace/src/log/kafka/dial.ts'
import type { KafkaLog } from '../../packages/millrace/src/log/kafka/kafka-log.ts'
import { openKafkaIn } from '../../packages/millrace/src/log/kafka/open.ts'
import { REQUEST, watchRequests } from '../../packages/millrace/src/log/kafka/testkit/watch-requests.ts'
import type { TransactionPoint } from './worker-options.ts'

/** Short enough that what is cut off or kept waiting is noticed within the storm. */
const patience = {
  'request.timeout.ms': 4_000,
  'socket.connection.setup.timeout.ms': 2_000,
  'transaction.timeout.ms': 15_000,
  // New partitions are looked for so often.
  'metadata.max.age.ms': 2_000,
}
const before = new Map<number, TransactionPoint>([
  [REQUEST.txnOffsetCommit, 'before-offsets'],
  [REQUEST.offsetCommit, 'before-offsets'],
  [REQUEST.endTxn, 'before-end'],
])
const sent = new Map<number, TransactionPoint>([
  [REQUEST.produce, 'produce-sent'],
  [REQUEST.txnOffsetCommit, 'offsets-sent'],
  [REQUEST.endTxn, 'end-sent'],
])

export type OnTransactionPoint = (point: TransactionPoint) => void

/** A log on Kafka that says which point of a transaction is reached, at the instant it is. */
export function openWithPoints(
  brokers: readonly string[],
  isFlow1: boolean,
  onPoint: OnTransactionPoint,
): Promise<KafkaLog> {
  return openKafkaIn({ dial: dialWithPoints(onPoint), isFlow1 }, { brokers, kafka: patience })
}

function dialWithPoints(onPoint: OnTransactionPoint): Dial {
  const connect = systemDial(undefined)
  return options =>
    watchRequests(connect(options), (request, send) => {
      const [first, second] = [before.get(request), sent.get(request)]
      if (first !== undefined) onPoint(first)
      // The rest of the request is written before this turn ends; no answer is read before that.
      if (second !== undefined) process.nextTick(onPoint, second)
      return send()
    })
}
