/**
 * From a 32-bit hash to a row, by extendible hashing over fixed segments.
 *
 *   directory (2^depth bases) --top bits--> segment of 4096 pairs (row, hash), probed linearly from the low bits
 *
 * A segment that fills up is split in two, 20 µs of work, so the index never stops to rehash itself. The
 * stored hash spares both the split and the probe a look at the rows. Row 0 means empty. As long as it is the only one, the
 * first segment is no larger than it has to be: a store of a hundred thousand windows has as many indexes.
 */
import { GrowableMemory } from './growable-memory.ts'

const SEGMENT_SLOTS = 4096
const SLOT_MASK = SEGMENT_SLOTS - 1
const SEGMENT_WORDS = SEGMENT_SLOTS * 2
const FIRST_SLOTS = 16
/** Probes stay short, and a segment just split is still a third full. */
const FULL = 0.7
/** Only equal hashes by the thousand, which a seeded hash does not give, get here. */
const DEPTH_MAX = 20

export class HashIndex {
  /** Pairs (row, hash). Read it again after any `insert`. */
  slots: Int32Array
  /** Word index in `slots` of the segment for each value of the top bits. */
  directory: Int32Array = new Int32Array(2)
  /** `hash >>> shift` is the place in `directory`. */
  shift = 31
  /** `hash & mask` is the pair in its segment where a probe begins. */
  mask = FIRST_SLOTS - 1
  readonly #memory = new GrowableMemory(FIRST_SLOTS * 8)
  #segments = 1
  /** Per segment: how many top bits its rows share, and how many rows it has. */
  #depths: number[] = [0]
  #counts: number[] = [0]

  constructor() {
    this.slots = new Int32Array(this.#memory.buffer)
  }

  get byteLength(): number {
    return this.#memory.buffer.byteLength + this.directory.byteLength
  }

  /** Adds a row that is not in the index. */
  insert(hash: number, row: number): void {
    let base = this.directory[hash >>> this.shift]!
    while (this.#counts[base / SEGMENT_WORDS]! >= FULL * (this.mask + 1)) {
      if (this.mask < SLOT_MASK) this.#widen()
      else this.#split(base)
      base = this.directory[hash >>> this.shift]!
    }
    this.#counts[base / SEGMENT_WORDS]!++
    this.#put(base, hash, row)
  }

  /** Removes a row; the rows behind it close the gap, so no tombstones pile up. False if it is not there. */
  remove(hash: number, row: number): boolean {
    const { slots, mask } = this
    const base = this.directory[hash >>> this.shift]!
    let hole = hash & mask
    while (slots[base + 2 * hole] !== row) {
      if (slots[base + 2 * hole] === 0) return false
      hole = (hole + 1) & mask
    }
    for (let next = (hole + 1) & mask; ; next = (next + 1) & mask) {
      const from = base + 2 * next
      if (slots[from] === 0) break
      const home = slots[from + 1]! & mask
      if (((next - home) & mask) < ((next - hole) & mask)) continue
      slots[base + 2 * hole] = slots[from]!
      slots[base + 2 * hole + 1] = slots[from + 1]!
      hole = next
    }
    slots[base + 2 * hole] = 0
    this.#counts[base / SEGMENT_WORDS]!--
    return true
  }

  /** Empties the index and keeps its memory. */
  clear(): void {
    this.directory = new Int32Array(2)
    this.shift = 31
    this.#segments = 1
    this.#depths = [0]
    this.#counts = [0]
    this.slots.fill(0, 0, 2 * (this.mask + 1))
  }

  #put(base: number, hash: number, row: number): void {
    const { slots, mask } = this
    let at = hash & mask
    while (slots[base + 2 * at] !== 0) at = (at + 1) & mask
    slots[base + 2 * at] = row
    slots[base + 2 * at + 1] = hash
  }

  /** Makes the only segment twice as large. */
  #widen(): void {
    const old = this.slots.slice(0, 2 * (this.mask + 1))
    this.mask = 2 * this.mask + 1
    if (this.#memory.ensure(8 * (this.mask + 1))) this.slots = new Int32Array(this.#memory.buffer)
    this.slots.fill(0, 0, 2 * (this.mask + 1))
    for (let at = 0; at < old.length; at += 2) if (old[at] !== 0) this.#put(0, old[at + 1]!, old[at]!)
  }

  #split(base: number): void {
    const segment = base / SEGMENT_WORDS
    const depth = this.#depths[segment]! + 1
    if (depth > DEPTH_MAX)
      throw new Error('Thousands of keys share one hash: restart the task to seed it anew')
    if (depth > 32 - this.shift) this.#doubleDirectory()
    const sibling = this.#addSegment(depth)
    this.#depths[segment] = depth
    this.#pointTo(sibling, base, depth)
    const old = this.slots.slice(base, base + SEGMENT_WORDS)
    this.slots.fill(0, base, base + SEGMENT_WORDS)
    let moved = 0
    for (let at = 0; at < SEGMENT_WORDS; at += 2) {
      const row = old[at]!
      if (row === 0) continue
      const hash = old[at + 1]!
      const upper = (hash >>> (32 - depth)) & 1
      moved += upper
      this.#put(upper === 1 ? sibling : base, hash, row)
    }
    this.#counts[segment]! -= moved
    this.#counts[sibling / SEGMENT_WORDS] = moved
  }

  #doubleDirectory(): void {
    const larger = new Int32Array(this.directory.length * 2)
    for (let i = 0; i < larger.length; i++) larger[i] = this.directory[i >>> 1]!
    this.directory = larger
    this.shift--
  }

  #addSegment(depth: number): number {
    const segment = this.#segments++
    const base = segment * SEGMENT_WORDS
    if (this.#memory.ensure((base + SEGMENT_WORDS) * 4)) this.slots = new Int32Array(this.#memory.buffer)
    this.slots.fill(0, base, base + SEGMENT_WORDS)
    this.#depths[segment] = depth
    this.#counts[segment] = 0
    return base
  }

  /** The places that led to `base` and have a 1 in the bit that now tells the two apart lead to the sibling. */
  #pointTo(sibling: number, base: number, depth: number): void {
    const directory = this.directory
    const bit = 1 << (32 - this.shift - depth)
    let at = directory.indexOf(base)
    for (; at < directory.length && directory[at] === base; at++) {
      if ((at & bit) !== 0) directory[at] = sibling
    }
  }
}
