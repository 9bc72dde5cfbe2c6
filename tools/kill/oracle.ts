import { type Expected, expectedOf, type Input, readingId } from './expected.ts'
import type { ReadRecord } from './follower.ts'
import type { GroupWindow, Reading, UserCount } from './pipelines.ts'

/** What the output topics hold, by partition. */
export interface Output {
  readonly copies: readonly ReadRecord[][]
  readonly userCounts: readonly ReadRecord[][]
  readonly groupWindows: readonly ReadRecord[][]
  readonly lateReadings: readonly ReadRecord[][]
  readonly extremes: readonly ReadRecord[][]
  readonly arrived: readonly ReadRecord[][]
  readonly arrivalCounts: readonly ReadRecord[][]
}

/** How one output differs from the sequential run. */
export class Verdict {
  readonly output: string
  /** Records there must be. */
  readonly expected: number
  lost = 0
  twice = 0
  wrong = 0
  readonly examples: string[] = []

  constructor(output: string, expected: number) {
    this.output = output
    this.expected = expected
  }

  get isGood(): boolean {
    return this.lost + this.twice + this.wrong === 0
  }

  note(kind: 'lost' | 'twice' | 'wrong', what: string): void {
    this[kind]++
    if (this.examples.length < 3) this.examples.push(`${kind}: ${what}`)
  }

  toString(): string {
    const counts = `${this.lost} lost, ${this.twice} twice, ${this.wrong} wrong`
    const of = `${this.output}: ${this.expected} records`
    return this.isGood ? of : `${of}, ${counts} (${this.examples.join('; ')})`
  }
}

/** Holds every output against the sequential run over the acknowledged input, record by record and in length. */
export function judge(input: Input, output: Output): Verdict[] {
  const expected = expectedOf(input)
  return [
    judgeCopies(expected, output.copies),
    judgeExtremes(expected, output.extremes),
    judgeCounts('updates of the count per user', expected.users, output.userCounts),
    judgeWindows(expected, output.groupWindows),
    judgeLate(expected, output.lateReadings),
    judgeArrived(expected, output.arrived),
    judgeCounts('counts over partitions that were added', expected.visitors, output.arrivalCounts),
  ]
}

function judgeCopies(expected: Expected, copies: Output['copies']): Verdict {
  const sum = expected.copies.flat().length
  const verdict = new Verdict('copies, in the order of their partition', sum)
  expected.copies.forEach((values, partition) => {
    const seen = (copies[partition] ?? []).map(({ value }) => value)
    compareSequences(verdict, `partition ${partition}`, values, seen)
  })
  return verdict
}

function judgeExtremes(expected: Expected, extremes: Output['extremes']): Verdict {
  const verdict = new Verdict('updates of the least and greatest level', expected.extremes.flat().length)
  expected.extremes.forEach((updates, partition) => {
    const text = (device: string, { lo, hi }: { lo: number | null; hi: number | null }) =>
      `${device} ${lo}..${hi}`
    const seen = (extremes[partition] ?? []).map(({ key, value }) => text(key, JSON.parse(value)))
    compareSequences(
      verdict,
      `partition ${partition}`,
      updates.map(({ device, value }) => text(device, value)),
      seen,
    )
  })
  return verdict
}

/** A device's records come from one partition, and where they went to they lie among those of others. */
function judgeArrived(expected: Expected, arrived: Output['arrived']): Verdict {
  const sum = [...expected.arrived.values()].reduce((total, { length }) => total + length, 0)
  const verdict = new Verdict('copies from partitions that were added', sum)
  const seen = new Map<string, string[]>([...expected.arrived.keys()].map(device => [device, []]))
  for (const { key, value } of arrived.flat()) {
    const list = seen.get(key)
    if (list) list.push(value)
    else verdict.note('wrong', `there is no device ${key}`)
  }
  for (const [device, texts] of expected.arrived) compareSequences(verdict, device, texts, seen.get(device)!)
  return verdict
}

/** All texts of a sequence differ from each other. */
function compareSequences(
  verdict: Verdict,
  place: string,
  expected: readonly string[],
  seen: readonly string[],
): void {
  const times = countsOf(seen)
  for (const text of expected) {
    const count = times.get(text) ?? 0
    if (count === 0) verdict.note('lost', `${place}: ${text}`)
    for (let more = 1; more < count; more++) verdict.note('twice', `${place}: ${text}`)
    times.delete(text)
  }
  for (const text of times.keys()) verdict.note('wrong', `${place} holds what nobody wrote: ${text}`)
  if (verdict.isGood && expected.some((text, i) => seen[i] !== text))
    verdict.note('wrong', `${place} is not in order`)
}

function countsOf(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return counts
}

/** Each update names the reading it comes from, so that it can be told which one is missing. */
function judgeCounts(output: string, expected: Expected['users'], counts: Output['userCounts']): Verdict {
  const sum = [...expected.values()].reduce((total, readings) => total + readings.length, 0)
  const verdict = new Verdict(output, sum)
  const seen = new Map<string, UserCount[]>()
  for (const { key, value } of counts.flat()) {
    const updates = seen.get(key)
    if (updates) updates.push(JSON.parse(value))
    else seen.set(key, [JSON.parse(value)])
  }
  for (const [user, readings] of expected) judgeUser(verdict, user, readings, seen.get(user) ?? [])
  for (const user of seen.keys()) if (!expected.has(user)) verdict.note('wrong', `there is no user ${user}`)
  return verdict
}

function judgeUser(
  verdict: Verdict,
  user: string,
  readings: readonly Reading[],
  updates: readonly UserCount[],
): void {
  const amounts = new Map(readings.map(reading => [readingId(reading), reading.amount]))
  const times = countsOf(updates.map(({ from, seq }) => readingId({ partition: from, seq })))
  for (const id of amounts.keys()) {
    const count = times.get(id) ?? 0
    if (count === 0) verdict.note('lost', `${user}, reading ${id}`)
    for (let more = 1; more < count; more++) verdict.note('twice', `${user}, reading ${id}`)
  }
  const lastSeq = new Map<number, number>()
  let total = 0
  updates.forEach((update, i) => {
    const id = readingId({ partition: update.from, seq: update.seq })
    const amount = amounts.get(id)
    total += amount ?? 0
    const inOrder = update.seq > (lastSeq.get(update.from) ?? -1)
    lastSeq.set(update.from, update.seq)
    if (amount === undefined || update.n !== i + 1 || update.total !== total || !inOrder)
      verdict.note('wrong', `${user}, update ${i + 1}: ${JSON.stringify(update)}, the sum is ${total}`)
  })
}

function judgeWindows(expected: Expected, windows: Output['groupWindows']): Verdict {
  const verdict = new Verdict('final rows of the windows per group', expected.windows.size)
  const rows = windows.flat().map(({ value }) => JSON.parse(value) as GroupWindow)
  const times = countsOf(rows.map(({ key, start }) => `${key} ${start}`))
  for (const id of expected.windows.keys()) {
    const count = times.get(id) ?? 0
    if (count === 0) verdict.note('lost', id)
    for (let more = 1; more < count; more++) verdict.note('twice', id)
  }
  for (const row of rows) {
    const right = expected.windows.get(`${row.key} ${row.start}`)
    if (right?.n !== row.n || right.total !== row.total || right.end !== row.end)
      verdict.note('wrong', `${JSON.stringify(row)} instead of ${JSON.stringify(right)}`)
  }
  return verdict
}

function judgeLate(expected: Expected, late: Output['lateReadings']): Verdict {
  const verdict = new Verdict('late readings', expected.late.size)
  const times = countsOf(late.flat().map(({ value }) => readingId(JSON.parse(value) as Reading)))
  for (const id of expected.late) {
    const count = times.get(id) ?? 0
    if (count === 0) verdict.note('lost', id)
    for (let more = 1; more < count; more++) verdict.note('twice', id)
    times.delete(id)
  }
  for (const id of times.keys()) verdict.note('wrong', `${id} was in time`)
  return verdict
}
