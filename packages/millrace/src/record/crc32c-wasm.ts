/**
 * CRC-32C of long ranges in WebAssembly: up to 8 times the speed of a table loop, without a dependency.
 *
 * Folding first. The polynomial P divides 1 + x^14 + x^39 + x^54 + x^144 + x^209, and so (squared seven times)
 * the same sum with 128 times the exponents. Hence 16 bytes of the message may be cleared if they are XORed into
 * the message 65, 155, 170, 195 and 209 blocks of 16 bytes further on: five loads and XORs per 16 bytes, no
 * table. What is left at the end, 209 blocks and a rest, goes through a table loop of 16 bytes a step.
 *
 *   memory:  | 16 tables of 1 KiB | 209 blocks of zeros | the message, copied in ... |
 *
 * The code is assembled here, a few hundred bytes, so that it can be read and needs no build step.
 */
import type { CrcTables } from './crc32c-tables.ts'

const BLOCK_BYTES = 16
const TAPS = [65, 155, 170, 195, 209].map(blocks => blocks * BLOCK_BYTES)
const SPAN_BYTES = TAPS.at(-1)!
const MESSAGE_AT = 20_480
const PAGES = 5
const MESSAGE_BYTES_MAX = PAGES * 65_536 - MESSAGE_AT

/** Continues an inverted CRC over `bytes[start, end)`. */
export type CrcContinue = (crc: number, bytes: Uint8Array, start: number, end: number) => number

/** What is used of the global `WebAssembly`, which belongs to no library that Node's types bring. */
interface WebAssemblyGlobal {
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (
    module: object,
  ) => {
    readonly exports: {
      readonly memory: { readonly buffer: ArrayBuffer }
      readonly fold: (crc: number, length: number) => number
    }
  }
}

/** Undefined where WebAssembly is switched off. */
export function wasmCrc(tables: CrcTables): CrcContinue | undefined {
  const { WebAssembly: wasm } = globalThis as { WebAssembly?: WebAssemblyGlobal }
  if (wasm === undefined) return undefined
  const { memory, fold } = new wasm.Instance(new wasm.Module(assemble())).exports
  new Int32Array(memory.buffer).set(tables)
  const message = new Uint8Array(memory.buffer, MESSAGE_AT)
  return (crc, bytes, start, end) => {
    for (let at = start; at < end; at += MESSAGE_BYTES_MAX) {
      const to = Math.min(end, at + MESSAGE_BYTES_MAX)
      message.set(bytes.subarray(at, to))
      crc = fold(crc, to - at)
    }
    return crc
  }
}

const I32 = 0x7f
const [CRC, AT, STOP, END, WORD] = [0, 2, 3, 4, 5]
const [LENGTH] = [1]

const unsigned = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)])
const signed = (n: number): number[] =>
  n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)]
const section = (id: number, ...content: number[]) => [id, ...unsigned(content.length), ...content]
const text = (name: string) => [name.length, ...Buffer.from(name)]
const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const constant = (n: number) => [0x41, ...signed(n)]
const load32 = (offset: number) => [0x28, 2, ...unsigned(offset)]
const load8 = (offset: number) => [0x2d, 0, ...unsigned(offset)]
const store32 = (offset: number) => [0x36, 2, ...unsigned(offset)]
const loadBlock = (offset: number) => [0xfd, 0, 4, ...unsigned(offset)]
const storeBlock = (offset: number) => [0xfd, 11, 4, ...unsigned(offset)]
const XOR_BLOCK = [0xfd, 0x51]
const [ADD, SUB, AND, XOR, SHL, SHR, LESS] = [0x6a, 0x6b, 0x71, 0x73, 0x74, 0x76, 0x49]
const add = (local: number, n: number) => [...get(local), ...constant(n), ADD]
const move = (n: number) => [...add(AT, n), ...set(AT)]
/** Repeats `body` while `condition` leaves something other than 0. */
const loop = (condition: number[], body: number[]) => [
  ...[0x02, 0x40, 0x03, 0x40],
  ...condition,
  ...[0x45, 0x0d, 1],
  ...body,
  ...[0x0c, 0, 0x0b, 0x0b],
]
const below = (bound: number) => [...get(AT), ...get(bound), LESS]

/** Offsets in a load cannot be negative: `AT` runs one span behind, over the zeros, and loads look ahead. */
const ahead = (tap: number) => SPAN_BYTES - tap

/** Clears every whole block that has a span behind it. */
function foldBlocks(): number[] {
  const pull = TAPS.flatMap(tap => [...get(AT), ...loadBlock(ahead(tap)), ...XOR_BLOCK])
  const step = [
    ...get(AT),
    ...get(AT),
    ...loadBlock(SPAN_BYTES),
    ...pull,
    ...storeBlock(SPAN_BYTES),
    ...move(BLOCK_BYTES),
  ]
  return loop(below(STOP), step)
}

/** Brings what the cleared blocks still owe to the blocks behind them. */
function foldTail(): number[] {
  return TAPS.flatMap(tap => [
    ...[...get(STOP), ...set(AT)],
    ...loop(
      [...get(AT), ...get(STOP), ...constant(tap), ADD, LESS],
      [
        ...[
          ...get(AT),
          ...get(AT),
          ...loadBlock(SPAN_BYTES),
          ...get(AT),
          ...loadBlock(ahead(tap)),
          ...XOR_BLOCK,
        ],
        ...[...storeBlock(SPAN_BYTES), ...move(BLOCK_BYTES)],
      ],
    ),
  ])
}

/** Pushes `tables[table][byte of word]`. */
function lookUp(word: number, byte: number, table: number): number[] {
  // The index is scaled to words: the byte is moved to bits 2 to 9.
  const scaled = byte === 0 ? [...constant(2), SHL] : [...constant(8 * byte - 2), SHR]
  return [...get(word), ...scaled, ...constant(1020), AND, ...load32(table * 1024)]
}

function tableSteps(): number[] {
  const code: number[] = []
  for (let word = 0; word < 4; word++) {
    code.push(...get(AT), ...load32(4 * word), ...(word === 0 ? [...get(CRC), XOR] : []), ...set(WORD + word))
  }
  for (let i = 0; i < 16; i++) code.push(...lookUp(WORD + (i >> 2), i & 3, 15 - i), ...(i > 0 ? [XOR] : []))
  return loop([...get(END), ...get(AT), SUB, ...constant(15), 0x4b], [...code, ...set(CRC), ...move(16)])
}

function byteSteps(): number[] {
  const index = [...get(CRC), ...get(AT), ...load8(0), XOR, ...constant(255), AND, ...constant(2), SHL]
  const step = [...index, ...load32(0), ...get(CRC), ...constant(8), SHR, XOR, ...set(CRC)]
  return loop(below(END), [...step, ...move(1)])
}

/** `fold(crc, length)`: the CRC over the message's first `length` bytes, which it overwrites. */
function foldFunction(): number[] {
  const firstWord = [
    ...constant(0),
    ...constant(0),
    ...load32(MESSAGE_AT),
    ...get(CRC),
    XOR,
    ...store32(MESSAGE_AT),
  ]
  const folding = [
    ...[...firstWord, ...constant(0), ...set(CRC)],
    ...[...constant(MESSAGE_AT - SPAN_BYTES), ...set(AT)],
    // Blocks that are cleared end at a multiple of 16 with at least a span behind it.
    ...[
      ...get(LENGTH),
      ...constant(SPAN_BYTES),
      SUB,
      ...constant(-BLOCK_BYTES),
      AND,
      ...get(AT),
      ADD,
      ...set(STOP),
    ],
    ...[...foldBlocks(), ...foldTail()],
    ...[...add(STOP, SPAN_BYTES), ...set(AT)],
  ]
  const long = [...get(LENGTH), ...constant(2 * SPAN_BYTES), 0x4b]
  return [
    ...[1, 7, I32],
    ...[...add(LENGTH, MESSAGE_AT), ...set(END)],
    ...[...long, 0x04, 0x40, ...folding, 0x05, ...constant(MESSAGE_AT), ...set(AT), 0x0b],
    ...[...tableSteps(), ...byteSteps(), ...get(CRC), 0x0b],
  ]
}

function assemble(): Uint8Array {
  const body = foldFunction()
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 2, I32, I32, 1, I32),
    ...section(3, 1, 0),
    ...section(5, 1, 0, PAGES),
    ...section(7, 2, ...text('memory'), 2, 0, ...text('fold'), 0, 0),
    ...section(10, 1, ...unsigned(body.length), ...body),
  ])
}
