import { type LogicalType, loadAvsc } from './avsc.ts'

/** The text of an unscaled number with so many digits behind the point: 1234 and 2 give `12.34`. */
function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const sign = unscaled < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** The unscaled number of a text, number or bigint; undefined when it is no decimal of that scale. */
function unscaledOf(value: unknown, scale: number): bigint | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return undefined
  const parts = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(String(value))
  if (parts === null) return undefined
  const [, sign, whole, fraction = ''] = parts
  const kept = fraction.replace(/0+$/, '')
  if (kept.length > scale) return undefined
  const unscaled = BigInt(whole! + kept.padEnd(scale, '0'))
  return sign === '-' ? -unscaled : unscaled
}

/** Two's complement, big-endian, in as few bytes as it takes or in exactly so many; undefined when it does not fit. */
function twosComplement(value: bigint, size?: number): Buffer | undefined {
  let bytes = size ?? 1
  const fits = (n: number) => BigInt.asIntN(8 * n, value) === value
  if (size === undefined) while (!fits(bytes)) bytes++
  else if (!fits(size)) return undefined
  const hex = BigInt.asUintN(8 * bytes, value)
    .toString(16)
    .padStart(2 * bytes, '0')
  return Buffer.from(hex, 'hex')
}

function fromTwosComplement(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`))
}

type DecimalType = new (schema: any, options?: any) => LogicalType

let decimal: DecimalType | undefined

/** The logical type `decimal`: its values are texts, which lose nothing. Numbers and bigints are taken too. */
export function decimalType(): DecimalType {
  decimal ??= makeDecimal()
  return decimal
}

function makeDecimal(): DecimalType {
  const { LogicalType } = loadAvsc().types
  return class Decimal extends LogicalType {
    readonly scale: number
    readonly precision: number
    readonly #size: number | undefined

    constructor(schema: any, options: any) {
      super(schema, options)
      const { precision, scale = 0 } = schema
      const isRight = Number.isSafeInteger(precision) && Number.isSafeInteger(scale) && scale >= 0
      // Read as plain bytes then, as the specification has it.
      if (!isRight || precision < 1 || scale > precision || !['bytes', 'fixed'].includes(schema.type))
        throw new Error('this is no decimal')
      this.precision = precision
      this.scale = scale
      this.#size = schema.type === 'fixed' ? schema.size : undefined
    }

    override _fromValue(bytes: any): string {
      return decimalText(fromTwosComplement(bytes), this.scale)
    }

    /** Undefined for what is no decimal of this kind, which the bytes' own check then refuses. */
    override _toValue(value: any): any {
      const unscaled = unscaledOf(value, this.scale)
      if (unscaled === undefined || unscaled.toString().replace('-', '').length > this.precision)
        return undefined
      return twosComplement(unscaled, this.#size)
    }

    override _resolve(written: any): any {
      return written instanceof Decimal && written.scale === this.scale
        ? (value: unknown) => value
        : undefined
    }

    override _export(schema: any): void {
      schema.precision = this.precision
      schema.scale = this.scale
    }
  }
}
