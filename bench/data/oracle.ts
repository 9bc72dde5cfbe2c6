import { Digest } from './digest.ts'
import { type Event, events } from './events.ts'
import { fieldsOf } from './users.ts'

export type Workload = 'w0' | 'w1' | 'w2' | 'w3' | 'sessions'

export const windowMs = 10_000
export const gapMs = 3_000
const isWanted = (device: string): boolean => device !== 'bot'

/**
 * What the outputs must be, counted from the generated objects in plain JavaScript: no codec, no engine. Every
 * result is one text, see `resultText`.
 */
export function oracle(workload: Workload, count: number): string {
  const digest = new Digest()
  if (workload === 'w0') forwarded(count, digest)
  else if (workload === 'w1') windows(count, digest)
  else if (workload === 'sessions') sessions(count, digest)
  else if (workload === 'w2') runningCounts(count, digest)
  else joined(count, digest)
  return digest.text
}

function forwarded(count: number, digest: Digest): void {
  for (const event of events(count)) {
    if (isWanted(event.device)) digest.add(forwardText(event.user, event.at, JSON.stringify(event)))
  }
}

function windows(count: number, digest: Digest): void {
  const rows = new Map<string, { n: number; total: number }>()
  for (const { user, at, ms } of events(count)) {
    const id = `${user}|${at - (at % windowMs)}`
    const row = rows.get(id)
    if (row === undefined) rows.set(id, { n: 1, total: ms })
    else {
      row.n++
      row.total += ms
    }
  }
  for (const [id, { n, total }] of rows) digest.add(`${id}|${n}|${total}`)
}

/** What lies at most the gap apart is one session, whatever the order of the events. */
function sessions(count: number, digest: Digest): void {
  const byUser = new Map<string, { at: number; ms: number }[]>()
  for (const { user, at, ms } of events(count)) {
    const known = byUser.get(user)
    if (known === undefined) byUser.set(user, [{ at, ms }])
    else known.push({ at, ms })
  }
  for (const [user, all] of byUser) {
    all.sort((a, b) => a.at - b.at)
    let [start, n, total] = [all[0]!.at, 0, 0]
    for (const [i, { at, ms }] of all.entries()) {
      n++
      total += ms
      const next = all[i + 1]
      if (next !== undefined && next.at - at <= gapMs) continue
      digest.add(`${user}|${start}|${at}|${n}|${total}`)
      ;[start, n, total] = [next?.at ?? 0, 0, 0]
    }
  }
}

/** Every update of every url: its count goes up by one each time. */
function runningCounts(count: number, digest: Digest): void {
  const counts = new Map<string, number>()
  for (const { url } of events(count)) {
    const n = (counts.get(url) ?? 0) + 1
    counts.set(url, n)
    digest.add(`${url}|${n}`)
  }
}

/** Every event with what its user's row says. */
function joined(count: number, digest: Digest): void {
  for (const { user, url, ms, at } of events(count)) {
    const row = { url, ms, at, ...fieldsOf(Number(user.slice(1))) }
    digest.add(`${user}|${at}|${JSON.stringify(row)}`)
  }
}

function forwardText(key: string, time: number, value: string): string {
  return `${key}|${time}|${value}`
}

/** The text of one output record as the oracle writes it. */
export function resultText(workload: Workload, key: string, time: number, value: string): string {
  if (workload === 'w0' || workload === 'w3') return forwardText(key, time, value)
  const row = JSON.parse(value)
  if (workload === 'w2') return `${key}|${row.n}`
  if (workload === 'sessions') return `${key}|${row.start}|${row.end}|${row.n}|${row.total}`
  if (row.key !== key || row.end !== row.start + windowMs || time !== row.end - 1) {
    throw new Error(`A window's row does not agree with itself: ${key} at ${time}: ${value}`)
  }
  return `${key}|${row.start}|${row.n}|${row.total}`
}

export type { Event }
