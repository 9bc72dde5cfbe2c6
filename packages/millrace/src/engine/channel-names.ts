import { type VarintReader, writeVarint } from '../record/varint.ts'

/** Channels whose names differ in the number at their end alone, which goes up by one from each to the next. */
interface NameRun {
  readonly prefix: Buffer
  /** -1 where the names have no number: then the run is one name. */
  readonly first: number
  count: number
}

/** Most bytes that `writeNames` takes. */
export function namesSizeMax(names: readonly string[]): number {
  return 5 + names.reduce((sum, name) => sum + Buffer.byteLength(name) + 15, 0)
}

/**
 * Writes names one after the other, those of one upstream sub-topology, `<name>/0`, `<name>/1` …, as one run: text of the prefix,
 * number of the first, how many. Gives the position behind them.
 */
export function writeNames(bytes: Buffer, at: number, names: readonly string[]): number {
  const runs = runsOf(names)
  at = writeVarint(bytes, at, runs.length)
  for (const { prefix, first, count } of runs) {
    at = writeVarint(bytes, at, prefix.length)
    at += prefix.copy(bytes, at)
    at = writeVarint(bytes, at, first)
    at = writeVarint(bytes, at, count)
  }
  return at
}

export function readNames(reader: VarintReader): string[] {
  const names: string[] = []
  for (let runs = reader.varint(); runs > 0; runs--) {
    const length = reader.varint()
    const prefix = Buffer.from(reader.bytes.subarray(reader.at, reader.at + length)).toString('utf8')
    reader.at += length
    const first = reader.varint()
    const count = reader.varint()
    if (first < 0) names.push(prefix)
    else for (let i = 0; i < count; i++) names.push(`${prefix}${first + i}`)
  }
  return names
}

function runsOf(names: readonly string[]): NameRun[] {
  const runs: NameRun[] = []
  for (const name of names) {
    const { prefix, number } = partsOf(name)
    const last = runs.at(-1)
    const goesOn = last !== undefined && last.first >= 0 && number === last.first + last.count
    if (goesOn && last.prefix.toString() === prefix) last.count++
    else runs.push({ prefix: Buffer.from(prefix), first: number, count: 1 })
  }
  return runs
}

/** A number that would be written another way, such as 007, stays with the prefix. */
function partsOf(name: string): { prefix: string; number: number } {
  const match = /^(.*?)(0|[1-9]\d{0,8})$/su.exec(name)
  return match === null ? { prefix: name, number: -1 } : { prefix: match[1]!, number: Number(match[2]) }
}
