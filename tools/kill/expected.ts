import {
  type Extremes,
  type GroupWindow,
  graceMs,
  isCopied,
  outOfOrderMs,
  type Reading,
  windowMs,
} from './pipelines.ts'

/** What the pipelines must have written, counted one record after the other with plain code. */
export interface Expected {
  /** By partition, in order: the texts of the values. */
  readonly copies: readonly string[][]
  /** By partition, in order. */
  readonly extremes: readonly { readonly device: string; readonly value: Extremes }[][]
  /** By user, in no order: every reading gives one update. */
  readonly users: ReadonlyMap<string, readonly Reading[]>
  /** By `group start`. */
  readonly windows: ReadonlyMap<string, GroupWindow>
  /** By `partition/seq`. */
  readonly late: ReadonlySet<string>
  /** By device, in order: the texts of the values. */
  readonly arrived: ReadonlyMap<string, readonly string[]>
  /** As `users`, of what arrived. */
  readonly visitors: ReadonlyMap<string, readonly Reading[]>
}

/** What the generator has had acknowledged, by partition and in the order of the log. */
export interface Input {
  readonly readings: readonly (readonly Reading[])[]
  readonly arrivals: readonly (readonly Reading[])[]
}

/** Carried watermarks come in steps of this. */
const watermarkStepMs = 100

export function readingId({ partition, seq }: { partition: number; seq: number }): string {
  return `${partition}/${seq}`
}

/** The sequential run over the acknowledged input. */
export function expectedOf({ readings: input, arrivals }: Input): Expected {
  const windows = new Map<string, GroupWindow>()
  const late = new Set<string>()
  for (const readings of input) {
    let latestAt = Number.NEGATIVE_INFINITY
    for (const reading of readings) {
      const watermark = Math.floor((latestAt - outOfOrderMs) / watermarkStepMs) * watermarkStepMs
      if (!addToWindow(windows, reading, watermark)) late.add(readingId(reading))
      latestAt = Math.max(latestAt, reading.at)
    }
  }
  return {
    copies: input.map(readings => readings.filter(r => isCopied(r.amount)).map(r => JSON.stringify(r))),
    extremes: input.map(extremesOf),
    users: listsOf(input, ({ user }) => user),
    windows,
    late,
    arrived: textsOf(listsOf(arrivals, ({ device }) => device)),
    visitors: listsOf(arrivals, ({ user }) => user),
  }
}

function listsOf(input: Input['readings'], keyOf: (reading: Reading) => string): Map<string, Reading[]> {
  const lists = new Map<string, Reading[]>()
  for (const reading of input.flat()) {
    const key = keyOf(reading)
    const list = lists.get(key)
    if (list) list.push(reading)
    else lists.set(key, [reading])
  }
  return lists
}

function textsOf(lists: ReadonlyMap<string, readonly Reading[]>): Map<string, string[]> {
  return new Map([...lists].map(([key, list]) => [key, list.map(each => JSON.stringify(each))]))
}

function addToWindow(windows: Map<string, GroupWindow>, reading: Reading, watermark: number): boolean {
  const start = Math.floor(reading.at / windowMs) * windowMs
  const end = start + windowMs
  if (end + graceMs <= watermark) return false
  const id = `${reading.group} ${start}`
  const { n, total } = windows.get(id) ?? { n: 0, total: 0 }
  windows.set(id, { key: reading.group, start, end, n: n + 1, total: total + reading.amount })
  return true
}

/** The updates of the table of each device's least and greatest level, as they follow each other in one partition. */
function extremesOf(readings: readonly Reading[]): { device: string; value: Extremes }[] {
  const table = new Map<string, { lo: number; hi: number }>()
  const updates: { device: string; value: Extremes }[] = []
  for (const { device, level } of readings) {
    const before = table.get(device)
    const lo = Math.min(before?.lo ?? level, level)
    const hi = Math.max(before?.hi ?? level, level)
    if (before?.lo === lo && before?.hi === hi) continue
    table.set(device, { lo, hi })
    updates.push({ device, value: { lo, hi } })
  }
  return updates
}

/** The table after the last update, by device. */
export function finalExtremes(expected: Expected): Map<string, Extremes> {
  return new Map(expected.extremes.flat().map(({ device, value }) => [device, value]))
}
