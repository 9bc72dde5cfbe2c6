import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { timeOf } from './access-log.ts'

/** The lines of a file, without their ends. (`readline` also breaks at U+2028, which a log line may contain.) */
async function* readLines(path: string): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of createReadStream(path, 'utf8')) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}

/**
 * The same lines in another order, as if each had been up to `boundMs` of event time under way: a line may be overtaken by lines
 * that are less than `boundMs` younger. It is the same order every time.
 */
export async function* shuffled(lines: AsyncIterable<string>, boundMs: number): AsyncGenerator<string> {
  const random = seededRandom(1)
  let newest = 0
  let waiting: { line: string; arrival: number }[] = []
  for await (const line of lines) {
    newest = Math.max(newest, timeOf(line) ?? 0)
    waiting.push({ line, arrival: newest + random() * boundMs })
    if (waiting.every(({ arrival }) => arrival > newest)) continue
    waiting.sort((a, b) => a.arrival - b.arrival)
    const arrived = waiting.filter(({ arrival }) => arrival <= newest)
    waiting = waiting.slice(arrived.length)
    for (const each of arrived) yield each.line
  }
  for (const { line } of waiting.sort((a, b) => a.arrival - b.arrival)) yield line
}

/** A finished access log. */
export interface LogFile {
  readonly survey: Survey
  /** All of its lines, from the first one; in another order, but the same each time, where it was opened with a shuffle. */
  lines(): AsyncIterable<string>
}

export interface LogFileOptions {
  /** Mixes the lines; see `shuffled`. */
  readonly shuffleMs?: number
}

/** Opens a log, which includes reading it once. Rejects when it cannot be read. */
export async function openLogFile(path: string, { shuffleMs = 0 }: LogFileOptions = {}): Promise<LogFile> {
  const lines = () => (shuffleMs > 0 ? shuffled(readLines(path), shuffleMs) : readLines(path))
  return { survey: await survey(lines()), lines }
}

/** What has to be known of a log before it is replayed. */
export interface Survey {
  readonly lines: number
  /** How far a line lies behind the newest one before it, at most. */
  readonly disorderMs: number
  /** Two logs with equal lines in the same order have the same. */
  readonly fingerprint: string
}

async function survey(lines: AsyncIterable<string>): Promise<Survey> {
  const hash = createHash('sha256')
  let count = 0
  let newest = 0
  let disorderMs = 0
  for await (const line of lines) {
    count++
    hash.update(line).update('\n')
    const at = timeOf(line)
    if (at === undefined) continue
    newest = Math.max(newest, at)
    disorderMs = Math.max(disorderMs, newest - at)
  }
  return { lines: count, disorderMs, fingerprint: hash.digest('hex') }
}

/** mulberry32: numbers in [0, 1), the same for the same seed. */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let z = Math.imul(state ^ (state >>> 15), 1 | state)
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}
