import { FormatError } from '../format-error.ts'
import { type FieldPlan, type MessagePlan, type ScalarType, wide } from './message-plan.ts'
import type { WireWriter } from './protobufjs.ts'

type Message = Readonly<Record<string, unknown>>

const wireTypes: Readonly<Record<ScalarType, number>> = {
  double: 1,
  float: 5,
  int32: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
  sint32: 0,
  sint64: 0,
  fixed32: 5,
  fixed64: 1,
  sfixed32: 5,
  sfixed64: 1,
  bool: 0,
  string: 2,
  bytes: 2,
}

/** Writes a message's fields in the order of their numbers. Throws `FormatError` where a value does not fit its field. */
export function encodeMessage(plan: MessagePlan, value: unknown, writer: WireWriter, path = ''): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw misfit(path === '' ? plan.name : path, value, `a message ${plan.name}`)
  const message = value as Message
  for (const field of plan.fields) {
    const given = Object.hasOwn(message, field.name) ? message[field.name] : undefined
    const at = path === '' ? field.name : `${path}.${field.name}`
    if (given !== undefined && given !== null) encodeField(field, given, message, writer, at)
    else if (field.isRequired) throw new FormatError('schema', `The value lacks its required field ${at}`)
  }
}

function encodeField(
  field: FieldPlan,
  value: unknown,
  message: Message,
  writer: WireWriter,
  at: string,
): void {
  if (field.shape === 'map') return encodeMap(field, value, writer, at)
  if (field.shape === 'list') return encodeList(field, value, writer, at)
  const rival = field.rivals.find(name => message[name] !== undefined && message[name] !== null)
  if (rival !== undefined)
    throw new FormatError('schema', `The value has both ${at} and ${rival}, of which it may have one`)
  // proto3 leaves zeros out, where nothing tells them from absent ones.
  if (field.absent !== undefined && isZero(field, value)) return
  encodeTagged(field, field.id, value, writer, at)
}

function isZero({ absent, enumType }: FieldPlan, value: unknown): boolean {
  if (absent instanceof Uint8Array) return value instanceof Uint8Array && value.length === 0
  if (enumType !== undefined) return value === absent || value === 0
  return Object.is(value, absent) || value === 0n || (absent === 0n && value === 0)
}

function encodeList(field: FieldPlan, value: unknown, writer: WireWriter, at: string): void {
  if (!Array.isArray(value)) throw misfit(at, value, 'a list')
  if (value.length === 0) return
  if (!field.isPacked) {
    for (const [i, each] of value.entries()) encodeTagged(field, field.id, each, writer, `${at}.${i}`)
    return
  }
  writer.uint32((field.id << 3) | 2).fork()
  for (const [i, each] of value.entries()) encodeBare(field, each, writer, `${at}.${i}`)
  writer.ldelim()
}

function encodeMap(field: FieldPlan, value: unknown, writer: WireWriter, at: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw misfit(at, value, 'a map')
  for (const [key, each] of Object.entries(value)) {
    writer.uint32((field.id << 3) | 2).fork()
    writer.uint32(8 | wireTypes[field.keyType!])
    encodeScalar(field.keyType!, keyOf(field.keyType!, key), writer, `${at}.${key}`)
    encodeTagged(field, 2, each, writer, `${at}.${key}`)
    writer.ldelim()
  }
}

/** Keys of objects are texts. */
function keyOf(type: ScalarType, text: string): unknown {
  if (type === 'string') return text
  if (type === 'bool') return text === 'true' ? true : text === 'false' ? false : text
  if (!/^-?\d+$/.test(text)) return text
  return wide.has(type) ? BigInt(text) : Number(text)
}

function encodeTagged(field: FieldPlan, id: number, value: unknown, writer: WireWriter, at: string): void {
  const { message, scalar, isGroup } = field
  if (message === undefined) {
    writer.uint32(((id << 3) | (scalar === undefined ? 0 : wireTypes[scalar])) >>> 0)
    return encodeBare(field, value, writer, at)
  }
  if (isGroup) {
    writer.uint32(((id << 3) | 3) >>> 0)
    encodeMessage(message, value, writer, at)
    writer.uint32(((id << 3) | 4) >>> 0)
  } else {
    writer.uint32(((id << 3) | 2) >>> 0).fork()
    encodeMessage(message, value, writer, at)
    writer.ldelim()
  }
}

function encodeBare({ enumType, scalar }: FieldPlan, value: unknown, writer: WireWriter, at: string): void {
  if (enumType === undefined) return encodeScalar(scalar!, value, writer, at)
  const number = typeof value === 'string' ? enumType.values[value] : value
  if (typeof number !== 'number' || (number | 0) !== number)
    throw misfit(at, value, `one of ${Object.keys(enumType.values).join(', ')}`)
  writer.int32(number)
}

function encodeScalar(type: ScalarType, value: unknown, writer: WireWriter, at: string): void {
  const fitting = fit(type, value)
  if (fitting === undefined) throw misfit(at, value, type)
  ;(writer[type] as (value: unknown) => unknown)(fitting)
}

/** The value as the writer takes it; undefined where it is none of the type. */
function fit(type: ScalarType, value: unknown): unknown {
  switch (type) {
    case 'double':
    case 'float':
      return typeof value === 'number' ? value : undefined
    case 'bool':
      return typeof value === 'boolean' ? value : undefined
    case 'string':
      return typeof value === 'string' ? value : undefined
    case 'bytes':
      return value instanceof Uint8Array ? value : undefined
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return typeof value === 'number' && (value | 0) === value ? value : undefined
    case 'uint32':
    case 'fixed32':
      return typeof value === 'number' && value >>> 0 === value ? value : undefined
    default:
      return fitWide(value, type === 'uint64' || type === 'fixed64')
  }
}

function fitWide(value: unknown, unsigned: boolean): object | undefined {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return undefined
  const whole = BigInt(value as bigint | number)
  if ((unsigned ? BigInt.asUintN(64, whole) : BigInt.asIntN(64, whole)) !== whole) return undefined
  const low = Number(BigInt.asIntN(32, whole))
  const high = Number(BigInt.asIntN(32, whole >> 32n))
  return { low, high, unsigned }
}

function misfit(at: string, value: unknown, wanted: string): FormatError {
  const shown = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value))
  return new FormatError(
    'schema',
    `The value does not match its schema: ${at}: ${shown.slice(0, 60)} is no ${wanted}`,
  )
}
