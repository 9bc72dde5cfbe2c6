import type { Topic } from '../plan/topic.ts'
import type { SendOptions, SentRecord } from '../runtime/app.ts'
import type { Sender } from '../runtime/sender.ts'
import { bytes } from '../serde/bytes.ts'
import type { OutputRecord } from './output-record.ts'
import type { SideRecord } from './side-stream.ts'

/** What `sendAll` sets beside each value. */
export type SendAllOptions<I, K> = SendOptions<K> | ((value: I | null, index: number) => SendOptions<K>)

/** Puts records into a topic. Every call resolves when the pipelines have nothing left to do. */
export interface DriverInput<I, K> {
  /** Throws what the topic's serde or schema throws, and the error that stops a pipeline. */
  send(value: I | null, options?: SendOptions<K>): Promise<SentRecord>
  /** All in one append. */
  sendAll(values: readonly (I | null)[], options?: SendAllOptions<I, K>): Promise<SentRecord[]>
  /** Sends a value as it comes over the wire, past serde and schema: what a foreign producer may write. */
  sendBytes(value: Uint8Array | string, options?: SendOptions<K>): Promise<SentRecord>
}

/** Reads what the pipelines wrote into a topic; only committed records show. */
export interface DriverOutput<V, K> {
  /** The records not read yet, by record time where the order of the partitions allows it. */
  read(): Promise<OutputRecord<V, K>[]>
  /** Every record there is; `read` goes on where it was. */
  readAll(): Promise<OutputRecord<V, K>[]>
  /** The values of the records not read yet, without tombstones. */
  values(): Promise<V[]>
}

/** Reads a side stream that the pipeline does not wire; see `DriverOutput`. */
export interface DriverSideStream {
  read(): Promise<SideRecord[]>
  readAll(): Promise<SideRecord[]>
}

/** Sends values in one append. */
export async function sendAll<I, K>(
  sender: Sender,
  topic: Topic<any, K, I>,
  values: readonly (I | null)[],
  options: SendAllOptions<I, K>,
): Promise<SentRecord[]> {
  const sent = values.map((value, i) =>
    sender.send(topic, value, typeof options === 'function' ? options(value, i) : options),
  )
  await Promise.allSettled(sent)
  return Promise.all(sent)
}

export function sendBytes<K>(
  sender: Sender,
  topic: Topic<any, K, any>,
  value: Uint8Array | string,
  options: SendOptions<K>,
): Promise<SentRecord> {
  const raw = { ...topic, value: bytes(), key: undefined, timestamp: undefined }
  return sender.send(raw, typeof value === 'string' ? Buffer.from(value) : value, options)
}
