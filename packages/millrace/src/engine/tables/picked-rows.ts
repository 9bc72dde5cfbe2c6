import { type Constant, isOf, type PickedField, type PickedMember } from '../../serde/json/picked.ts'
import { type RowTexts, rowRuns, textOf } from '../../serde/json/picked-writer.ts'

/** Texts of more rows than fit are not kept; their records are written from objects. */
const BYTES_MAX = 32 << 20
/** What may be read behind the last text. */
const SPARE_BYTES = 8
/** What the processor fetches at once. */
const LINE_BYTES = 64
/** Bounds of rows whose texts have not been asked for, and of those that have none. */
const unmade = -2
const noText = -1

/**
 * What the results of one step have of the rows of its table, as JSON text: made when a row is first met, and forgotten when it changes.
 */
export class PickedRows implements RowTexts {
  bytes: Buffer = Buffer.alloc(1024)
  view: DataView = viewOf(this.bytes)
  bounds: Int32Array
  readonly #runs: readonly (readonly PickedMember[])[]
  readonly #bytesMax: number
  /** Bounds of a row. */
  readonly #width: number
  #used = 0
  /** Bytes of texts whose rows have changed. */
  #wasted = 0

  constructor(members: readonly PickedMember[], bytesMax = BYTES_MAX) {
    this.#runs = rowRuns(members)
    this.#bytesMax = bytesMax
    this.#width = this.#runs.length + 1
    this.bounds = new Int32Array(this.#width).fill(unmade)
  }

  /**
   * Where the bounds of the texts of the row at a place lie; -1 where the result has to be made. The place of no row is -1, others are those of
   * `objects`.
   */
  indexOf(place: number, objects: readonly unknown[]): number {
    const i = (place + 1) * this.#width
    if (i >= this.bounds.length) this.#grow(i + this.#width)
    const start = this.bounds[i]!
    if (start >= 0) return i
    return start === unmade && this.#take(i, place < 0 ? undefined : objects[place]) ? i : noText
  }

  /** Reads of the texts of rows where they lie, for those at `count` places; `places` is scratch from then on. */
  prefetch(places: Int32Array, count: number): number {
    const { bounds, bytes } = this
    let seen = 0
    for (let i = 0; i < count; i++) places[i] = bounds[(places[i]! + 1) * this.#width] ?? 0
    for (let i = 0; i < count; i++)
      if (places[i]! > 0)
        seen ^= bytes[places[i]!]! ^ bytes[Math.min(places[i]! + LINE_BYTES, bytes.length - 1)]!
    return seen
  }

  /** The row at a place is another one now. */
  forget(place: number): void {
    const i = (place + 1) * this.#width
    if (i >= this.bounds.length) return
    if (this.bounds[i]! >= 0) this.#wasted += this.bounds[i + this.#width - 1]! - this.bounds[i]!
    this.bounds[i] = unmade
  }

  #grow(length: number): void {
    const bounds = new Int32Array(Math.max(length, 2 * this.bounds.length)).fill(unmade)
    bounds.set(this.bounds)
    this.bounds = bounds
  }

  /** Makes the texts of a row; false where there are none, or no room for them. */
  #take(i: number, row: unknown): boolean {
    const texts = this.#runs.map(run => runText(run, row))
    const size = texts.reduce((sum, text) => sum + (text === undefined ? 0 : 3 * text.length), SPARE_BYTES)
    if (texts.includes(undefined)) this.bounds[i] = noText
    if (texts.includes(undefined) || !this.#makeRoom(size)) return false
    this.bounds[i] = this.#used
    texts.forEach((text, run) => {
      this.#used += this.bytes.write(text!, this.#used)
      this.bounds[i + run + 1] = this.#used
    })
    return true
  }

  #makeRoom(size: number): boolean {
    if (this.#used + size <= this.bytes.length) return true
    if (2 * this.#wasted > this.#used) {
      this.bounds.fill(unmade)
      this.#used = 0
      this.#wasted = 0
      return this.#makeRoom(size)
    }
    if (this.#used + size > this.#bytesMax) return false
    const larger = Buffer.alloc(Math.min(this.#bytesMax, Math.max(this.#used + size, 2 * this.bytes.length)))
    this.bytes.copy(larger, 0, 0, this.#used)
    this.bytes = larger
    this.view = viewOf(larger)
    return true
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

/** A run of members as they are written, each with a comma before it; undefined where one of them cannot be said once and for all. */
function runText(run: readonly PickedMember[], row: unknown): string | undefined {
  let text = ''
  for (const member of run) {
    if (isOf(member, 1) && !canRead(row, member.field, member.isOptional)) return undefined
    const value = isOf(member, 1) ? readOf(row, member) : (member as { readonly constant: Constant }).constant
    if (value !== undefined) text += `,${JSON.stringify(member.name)}:${textOf(value)}`
  }
  return text
}

function readOf(row: unknown, { field, otherwise }: PickedField): Constant | undefined {
  const value = (row as Readonly<Record<string, Constant>> | undefined)?.[field]
  return otherwise === undefined ? value : (value ?? otherwise)
}

/** Whether reading the member gives the same simple value each time. */
function canRead(row: unknown, field: string, isOptional: boolean): boolean {
  if (row === undefined) return isOptional
  if (typeof row !== 'object' || row === null) return false
  const prototype: unknown = Object.getPrototypeOf(row)
  if (prototype !== Object.prototype && prototype !== null) return false
  const property = Object.getOwnPropertyDescriptor(row, field)
  if (property === undefined) return true
  return 'value' in property && isSimple(property.value)
}

function isSimple(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value)
}
