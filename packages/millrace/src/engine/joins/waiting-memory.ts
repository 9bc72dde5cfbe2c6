import type { RangeCopier } from '../../record/copy.ts'
import { GrowableMemory } from '../../state/growable-memory.ts'
import type { MemoryBeside } from '../../state/key-table.ts'

/** Units of 8 bytes: time │ watermark │ next entry, length of the text or ~place of the value │ whether it is done │ text, zeros to 8. */
const headUnits = 4
const firstEntry = 1
/** What a projection may read behind a text. */
const paddingBytes = 64
const initialBytes = 512

/**
 * The records that wait in the rows of one table, linked in the order they came: numbers and texts lie in one run of memory, which goes with the
 * table, and only what is no text is an object of its own. An entry is known by the index of its first unit; 0 is none.
 */
export class WaitingMemory implements MemoryBeside {
  /** The memory as bytes, for the ranges of texts. Growth replaces it. */
  bytes: Buffer
  #f64: Float64Array
  #i32: Int32Array
  #view: DataView
  readonly #memory = new GrowableMemory(initialBytes)
  readonly #values: unknown[] = []
  readonly #freeValues: number[] = []
  #used = firstEntry

  constructor() {
    const { buffer } = this.#memory
    this.bytes = Buffer.from(buffer)
    this.#f64 = new Float64Array(buffer)
    this.#i32 = new Int32Array(buffer)
    this.#view = new DataView(buffer)
  }

  get byteLength(): number {
    return this.#f64.byteLength
  }

  timeOf(entry: number): number {
    return this.#f64[entry]!
  }

  /** The watermark a record was judged by when it came. */
  watermarkOf(entry: number): number {
    return this.#f64[entry + 1]!
  }

  nextOf(entry: number): number {
    return this.#i32[2 * entry + 4]!
  }

  /** It has met one, or has gone out without any. */
  isDone(entry: number): boolean {
    return this.#i32[2 * entry + 6] !== 0
  }

  setDone(entry: number): void {
    this.#i32[2 * entry + 6] = 1
  }

  isText(entry: number): boolean {
    return this.#i32[2 * entry + 5]! >= 0
  }

  textStart(entry: number): number {
    return 8 * (entry + headUnits)
  }

  textEnd(entry: number): number {
    return 8 * (entry + headUnits) + this.#i32[2 * entry + 5]!
  }

  /** Whether an escape may stand in a text: never false where one does. */
  mayEscape(entry: number): boolean {
    const i32 = this.#i32
    const end = (this.textEnd(entry) + 3) >>> 2
    for (let at = this.textStart(entry) >>> 2; at < end; at++) {
      // A byte that is a backslash becomes 0, and borrows then.
      const x = i32[at]! ^ 0x5c5c5c5c
      if (((x - 0x01010101) & ~x & 0x80808080) !== 0) return true
    }
    return false
  }

  /** The value of an entry that is no text. */
  valueOf(entry: number): unknown {
    return this.#values[~this.#i32[2 * entry + 5]!]
  }

  addText(
    t: number,
    w: number,
    isDone: boolean,
    from: Buffer,
    start: number,
    end: number,
    copier: RangeCopier,
  ): number {
    const entry = this.#add(t, w, isDone, end - start)
    copier.copy(from, start, end, this.bytes, this.#view, this.textStart(entry))
    return entry
  }

  addValue(t: number, w: number, isDone: boolean, value: unknown): number {
    const entry = this.#add(t, w, isDone, 0)
    const place = this.#freeValues.pop() ?? this.#values.length
    this.#values[place] = value
    this.#i32[2 * entry + 5] = ~place
    return entry
  }

  /** Puts an entry behind another one, which was the last. */
  link(before: number, entry: number): void {
    this.#i32[2 * before + 4] = entry
  }

  /** Lets go of the value of an entry that nothing leads to any more. */
  forget(entry: number): void {
    if (this.isText(entry)) return
    const place = ~this.#i32[2 * entry + 5]!
    this.#values[place] = undefined
    this.#freeValues.push(place)
  }

  clear(): void {
    this.#used = firstEntry
    this.#values.length = 0
    this.#freeValues.length = 0
  }

  #add(t: number, w: number, isDone: boolean, length: number): number {
    const entry = this.#used
    this.#used += headUnits + ((length + 7) >>> 3)
    if (8 * this.#used + paddingBytes > this.#f64.byteLength) this.#grow()
    this.#f64[entry] = t
    this.#f64[entry + 1] = w
    const at = 2 * entry + 4
    this.#i32[at] = 0
    this.#i32[at + 1] = length
    this.#i32[at + 2] = isDone ? 1 : 0
    return entry
  }

  #grow(): void {
    // Whole units, whatever the memory makes of it.
    if (!this.#memory.ensure(8 * this.#used + paddingBytes)) return
    const { buffer } = this.#memory
    this.bytes = Buffer.from(buffer)
    this.#f64 = new Float64Array(buffer, 0, buffer.byteLength >>> 3)
    this.#i32 = new Int32Array(buffer, 0, buffer.byteLength >>> 2)
    this.#view = new DataView(buffer)
  }
}
