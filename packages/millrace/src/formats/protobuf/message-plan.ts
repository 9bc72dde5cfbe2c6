import { type EnumType, loadProtobufjs, type MessageField, type MessageType } from './protobufjs.ts'

/** The types of a field that are no message and no enum. */
export type ScalarType =
  | 'double'
  | 'float'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'sint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed32'
  | 'sfixed64'
  | 'bool'
  | 'string'
  | 'bytes'

export interface FieldPlan {
  readonly name: string
  readonly id: number
  readonly shape: 'single' | 'list' | 'map'
  /** Of a map. */
  readonly keyType: ScalarType | undefined
  readonly isPacked: boolean
  /** Written as a group, which no proto3 has. */
  readonly isGroup: boolean
  readonly isRequired: boolean
  /** What is read where the field is absent: proto3's zero. Undefined leaves it absent. */
  readonly absent: unknown
  /** The other members of its oneof. */
  readonly rivals: readonly string[]
  /** One of these three. */
  readonly scalar: ScalarType | undefined
  readonly enumType: EnumType | undefined
  readonly message: MessagePlan | undefined
}

/** What has to be known of a message to read and write it. */
export interface MessagePlan {
  readonly name: string
  readonly fields: FieldPlan[]
  readonly byId: Map<number, FieldPlan>
}

/** Of the messages that were planned already: a message may hold itself. */
export type KnownPlans = Map<MessageType, MessagePlan>

export function planOf(
  type: MessageType,
  longs: 'number' | 'bigint',
  known: KnownPlans = new Map(),
): MessagePlan {
  const before = known.get(type)
  if (before !== undefined) return before
  const plan: MessagePlan = { name: type.fullName.replace(/^\./, ''), fields: [], byId: new Map() }
  known.set(type, plan)
  for (const field of type.fieldsArray) plan.fields.push(fieldPlan(field.resolve(), longs, known))
  plan.fields.sort((a, b) => a.id - b.id)
  for (const field of plan.fields) plan.byId.set(field.id, field)
  return plan
}

function fieldPlan(field: MessageField, longs: 'number' | 'bigint', known: KnownPlans): FieldPlan {
  const { Enum, Type } = loadProtobufjs()
  const { name, id, resolvedType, repeated, map, partOf } = field
  const enumType = resolvedType instanceof Enum ? resolvedType : undefined
  const message = resolvedType instanceof Type ? planOf(resolvedType, longs, known) : undefined
  const scalar = resolvedType === null ? (field.type as ScalarType) : undefined
  const isSingle = !repeated && !map
  const hasZero = isSingle && message === undefined && !field.hasPresence
  return {
    name,
    id,
    shape: map ? 'map' : repeated ? 'list' : 'single',
    keyType: map ? ((field as MessageField & { keyType: string }).keyType as ScalarType) : undefined,
    isPacked: field.packed && message === undefined && scalar !== 'string' && scalar !== 'bytes',
    isGroup: field.delimited,
    isRequired: field.required,
    absent: hasZero ? (enumType === undefined ? zeroOf(scalar!, longs) : enumName(enumType, 0)) : undefined,
    rivals: partOf === null ? [] : partOf.fieldsArray.filter(each => each !== field).map(each => each.name),
    scalar,
    enumType,
    message,
  }
}

/** Types of 64 bits. */
export const wide: ReadonlySet<string> = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64'])

function zeroOf(type: ScalarType, longs: 'number' | 'bigint'): unknown {
  if (type === 'bool') return false
  if (type === 'string') return ''
  if (type === 'bytes') return Buffer.alloc(0)
  return wide.has(type) && longs === 'bigint' ? 0n : 0
}

/** A value that a newer schema has added stays a number. */
export function enumName(type: EnumType, value: number): string | number {
  return type.valuesById[value] ?? value
}
