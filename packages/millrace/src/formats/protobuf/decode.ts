import { FormatError } from '../format-error.ts'
import { enumName, type FieldPlan, type MessagePlan, type ScalarType, wide } from './message-plan.ts'
import type { WireReader } from './protobufjs.ts'

/** Wire types. */
const LENGTH = 2
const GROUP = 3
const GROUP_END = 4
const depthMax = 100

type Message = Record<string, unknown>

/** Reads messages into plain objects. */
export class MessageDecoder {
  readonly #longs: 'number' | 'bigint'

  constructor(longs: 'number' | 'bigint') {
    this.#longs = longs
  }

  /** Reads up to `end`, or up to the end of the group with that field number. */
  decode(plan: MessagePlan, reader: WireReader, end: number, group = 0, depth = 0, into?: Message): Message {
    if (depth > depthMax)
      throw new FormatError('malformed', `${plan.name}: more than ${depthMax} messages in one another`)
    const message = into ?? empty(plan)
    for (;;) {
      if (reader.pos >= end) {
        if (group !== 0 || reader.pos > end) throw new FormatError('malformed', `${plan.name} ends too early`)
        break
      }
      const tag = reader.uint32()
      const id = tag >>> 3
      const wireType = tag & 7
      if (wireType === GROUP_END && id === group) break
      const field = plan.byId.get(id)
      if (field === undefined || !fits(field, wireType)) reader.skipType(wireType, depth, id)
      else this.#field(field, wireType, reader, message, depth)
    }
    requireFields(plan, message)
    return message
  }

  #field(field: FieldPlan, wireType: number, reader: WireReader, message: Message, depth: number): void {
    const { name } = field
    for (const rival of field.rivals) delete message[rival]
    if (field.shape === 'map') return this.#entry(field, reader, message[name] as Message, depth)
    if (field.shape === 'single') {
      message[name] = this.#value(field, wireType, reader, depth, message[name])
      return
    }
    const list = message[name] as unknown[]
    if (
      wireType !== LENGTH ||
      field.message !== undefined ||
      field.scalar === 'string' ||
      field.scalar === 'bytes'
    ) {
      list.push(this.#value(field, wireType, reader, depth))
      return
    }
    // Packed or not, whatever the schema says: a reader takes both.
    for (const end = reader.uint32() + reader.pos; reader.pos < end; )
      list.push(this.#value(field, -1, reader, depth))
  }

  #entry(field: FieldPlan, reader: WireReader, map: Message, depth: number): void {
    const end = reader.uint32() + reader.pos
    let key: unknown
    let value: unknown
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag >>> 3 === 1) key = this.#scalar(field.keyType!, reader)
      else if (tag >>> 3 === 2) value = this.#value(field, tag & 7, reader, depth)
      else reader.skipType(tag & 7, depth, tag >>> 3)
    }
    const name = String(key ?? (field.keyType === 'string' ? '' : field.keyType === 'bool' ? false : 0))
    define(map, name, value ?? this.#zero(field))
  }

  /** Of a map's value that was left out. */
  #zero({ message, enumType, scalar }: FieldPlan): unknown {
    if (message !== undefined) return empty(message)
    if (enumType !== undefined) return enumName(enumType, 0)
    if (scalar === 'string') return ''
    if (scalar === 'bool') return false
    if (scalar === 'bytes') return Buffer.alloc(0)
    return wide.has(scalar!) && this.#longs === 'bigint' ? 0n : 0
  }

  #value(field: FieldPlan, wireType: number, reader: WireReader, depth: number, before?: unknown): unknown {
    const { message, enumType, scalar } = field
    if (enumType !== undefined) return enumName(enumType, reader.int32())
    if (message === undefined) return this.#scalar(scalar!, reader)
    // A message that comes in parts is put together.
    const into = before as Message | undefined
    if (wireType === GROUP) return this.decode(message, reader, reader.len, field.id, depth + 1, into)
    const end = reader.uint32() + reader.pos
    return this.decode(message, reader, end, 0, depth + 1, into)
  }

  #scalar(type: ScalarType, reader: WireReader): unknown {
    if (wide.has(type)) return this.#long(reader[type as 'int64']() as unknown as Wide, type)
    // The reader's buffer is a copy of the record, so that a view of it keeps nothing else.
    return reader[type as 'int32']()
  }

  #long(value: Wide | number, type: ScalarType): number | bigint {
    const { low, high } =
      typeof value === 'number' ? { low: value | 0, high: Math.floor(value / 2 ** 32) } : value
    const isUnsigned = type === 'uint64' || type === 'fixed64'
    const top = isUnsigned ? high >>> 0 : high | 0
    if (this.#longs === 'bigint') return (BigInt(top) << 32n) | BigInt(low >>> 0)
    const number = top * 2 ** 32 + (low >>> 0)
    if (Number.isSafeInteger(number)) return number
    throw new FormatError('malformed', `A ${type} is beyond 2^53: read it with longs: 'bigint'`)
  }
}

interface Wide {
  readonly low: number
  readonly high: number
}

/** A message of nothing but what absent fields are read as. */
function empty({ fields }: MessagePlan): Message {
  const message: Message = {}
  for (const { name, shape, absent } of fields) {
    if (shape === 'list') define(message, name, [])
    else if (shape === 'map') define(message, name, {})
    else if (absent !== undefined) define(message, name, absent)
  }
  return message
}

/** A field or a key may be called `__proto__`. */
function define(message: Message, name: string, value: unknown): void {
  if (name !== '__proto__') message[name] = value
  else Object.defineProperty(message, name, { value, enumerable: true, configurable: true, writable: true })
}

function requireFields({ name, fields }: MessagePlan, message: Message): void {
  for (const field of fields) {
    if (field.isRequired && message[field.name] === undefined)
      throw new FormatError('malformed', `${name} lacks its required field ${field.name}`)
  }
}

/** A field that is written in another way than its type is, as after a change of its type, is unknown. */
function fits({ shape, message, scalar }: FieldPlan, wireType: number): boolean {
  if (shape === 'map') return wireType === LENGTH
  if (message !== undefined) return wireType === LENGTH || wireType === GROUP
  if (scalar === 'string' || scalar === 'bytes') return wireType === LENGTH
  if (shape === 'list' && wireType === LENGTH) return true
  return wireType === wireTypeOf(scalar)
}

/** Of numbers: 0 varint, 1 eight bytes, 5 four bytes. */
function wireTypeOf(scalar: ScalarType | undefined): number {
  if (scalar === 'double' || scalar === 'fixed64' || scalar === 'sfixed64') return 1
  return scalar === 'float' || scalar === 'fixed32' || scalar === 'sfixed32' ? 5 : 0
}
