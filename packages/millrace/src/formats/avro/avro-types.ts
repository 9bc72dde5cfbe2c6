import { FormatError, messageOf } from '../format-error.ts'
import type { WholeSchema } from '../registry/registry.ts'
import type { Longs } from './avro.ts'
import { type AvroType, loadAvsc } from './avsc.ts'
import { decimalType } from './decimal.ts'
import { exactNumbers } from './long.ts'

/** Times in ms or µs fit a number for as long as anybody will care. */
const timesInNumbers = new Set([
  'timestamp-millis',
  'timestamp-micros',
  'local-timestamp-millis',
  'local-timestamp-micros',
  'time-micros',
])

/** Makes the type of a schema, what it refers to included. Throws `FormatError` where it is no Avro schema. */
export function avroType({ text, needs }: WholeSchema, name: string, longs: Longs): AvroType {
  const named: Record<string, AvroType> = {}
  const options = {
    registry: named,
    logicalTypes: { decimal: decimalType() },
    typeHook: longHook(longs),
  }
  const make = (schema: string): AvroType => {
    // A namespace holds for the schema it stands in alone.
    const type = loadAvsc().Type.forSchema(JSON.parse(schema), { ...options })
    return type
  }
  try {
    for (const needed of needs) make(needed.text)
    const type = make(text)
    const seen = new Set<object>()
    makePlain(type, seen)
    for (const each of Object.values(named)) makePlain(each, seen)
    return type
  } catch (cause) {
    throw new FormatError(
      'schema-unusable',
      `${name} is no Avro schema that can be used: ${messageOf(cause)}`,
      { cause },
    )
  }
}

function longHook(longs: Longs): (schema: any) => AvroType | undefined {
  const numbers = exactNumbers()
  const long = longs === 'bigint' ? bigintLong() : numbers.long
  return schema => {
    const name = typeof schema === 'string' ? schema : schema?.type
    if (name === 'float' || name === 'double') return numbers[name as 'float' | 'double']
    if (name !== 'long') return undefined
    return timesInNumbers.has(schema.logicalType) ? numbers.long : long
  }
}

function bigintLong(): AvroType {
  return loadAvsc().types.LongType.__with({
    fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
    toBuffer: (value: bigint | number) => {
      const buffer = Buffer.alloc(8)
      buffer.writeBigInt64LE(BigInt(value))
      return buffer
    },
    fromJSON: (value: any) => BigInt(value),
    toJSON: (value: any) => Number(value),
    isValid: (value: unknown) =>
      typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value),
    compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
  })
}

/** Records, and the wrappers of a union's values, are plain objects: they compare and freeze as any other value. */
function makePlain(type: any, seen: Set<object>): void {
  if (seen.has(type)) return
  seen.add(type)
  if (type.typeName === 'record' || type.typeName === 'error')
    type.recordConstructor.prototype = Object.prototype
  const { fields = [], types = [], itemsType, valuesType, underlyingType } = type
  for (const branch of types)
    if (branch._branchConstructor) branch._branchConstructor.prototype = Object.prototype
  const inner = [...fields.map((field: any) => field.type), ...types, itemsType, valuesType, underlyingType]
  for (const each of inner) if (each !== undefined) makePlain(each, seen)
}
