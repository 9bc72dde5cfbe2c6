import { Reader, Writer } from '@platformatic/kafka'
import type { Link } from './links.ts'

const PRODUCE = 0
const ACKS_ALL = -1
/** From here on topics go by their ids: a topic that was deleted and made anew is not taken for the old one. */
const VERSION_WITH_IDS = 13

/** One batch for one partition; a request holds at most one per partition. */
export interface ProducePart {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly bytes: Uint8Array
}

export interface ProducedPart {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly baseOffset: number
}

/** Sends batches as they are and reads what became of each. */
export async function produce(
  link: Link,
  transactionalId: string | null,
  parts: readonly ProducePart[],
  versionMax: number,
  timeoutMs: number,
): Promise<ProducedPart[]> {
  const version = Math.min(link.versions.produce, versionMax)
  const body = Writer.create()
    .appendString(transactionalId)
    .appendInt16(ACKS_ALL)
    .appendInt32(timeoutMs)
    .appendArray([...Map.groupBy(parts, part => part.topic)], (writer, [topic, partitions]) => {
      const isById = version >= VERSION_WITH_IDS
      const named = isById ? writer.appendUUID(partitions[0]!.topicId) : writer.appendString(topic)
      named.appendArray(partitions, (inner, { partition, bytes }) => {
        const batch = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
        inner
          .appendInt32(partition)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(batch)
      })
    })
    .appendTaggedFields()
  const frame = await link.socket.send(PRODUCE, version, body, timeoutMs)
  const names = new Map(parts.map(part => [part.topicId, part.topic]))
  const produced = parseProduced(Reader.from(frame.bytes.subarray(5)), version, names)
  frame.release()
  return produced
}

/** Beside the ids the answers of versions 9 to 13 differ in tagged fields only, which are passed over. */
function parseProduced(reader: Reader, version: number, names: ReadonlyMap<string, string>): ProducedPart[] {
  const topics = reader.readArray(r => {
    const topic = version >= VERSION_WITH_IDS ? names.get(r.readUUID())! : r.readString()
    return r.readArray(inner => readPart(inner, topic))
  })
  return topics.flat()
}

function readPart(reader: Reader, topic: string): ProducedPart {
  const partition = reader.readInt32()
  const errorCode = reader.readInt16()
  const baseOffset = Number(reader.readInt64())
  reader.readInt64()
  reader.readInt64()
  reader.readArray(r => [r.readInt32(), r.readNullableString()])
  const errorMessage = reader.readNullableString()
  return { topic, partition, errorCode, errorMessage, baseOffset }
}
