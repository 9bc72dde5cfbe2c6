import { Digest } from './digest.ts'
import { type Event, events, fewUsers } from './events.ts'
import { fieldsOf } from './users.ts'

export type Workload = 'w0' | 'w1' | 'w2' | 'w3' | 'sessions' | 'minutes' | 'hopping' | 'pairs'

export const windowMs = 10_000
export const gapMs = 3_000
export const minuteMs = 60_000
/** Hopping windows of a minute begin so far apart. */
export const hopMs = 1_000
/** How far apart records of the two streams may lie that are joined. */
export const apartMs = 500
const isWanted = (device: string): boolean => device !== 'bot'

/**
 * What the outputs must be, counted from the generated objects in plain JavaScript: no codec, no engine. Every
 * result is one text, see `resultText`.
 */
export function oracle(workload: Workload, count: number): string {
  const digest = new Digest()
  if (workload === 'w0') forwarded(count, digest)
  else if (workload === 'w1') windows(events(count), windowMs, windowMs, digest)
  else if (workload === 'minutes') windows(events(count, fewUsers), minuteMs, minuteMs, digest)
  else if (workload === 'hopping') windows(events(count, fewUsers), minuteMs, hopMs, digest)
  else if (workload === 'pairs') pairs(count, digest)
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

/** Windows of a size that begin every so many ms: counted in pieces of that length, of which each window has a few. */
function windows(all: Iterable<Event>, sizeMs: number, everyMs: number, digest: Digest): void {
  const users = new Map<string, Map<number, { n: number; total: number }>>()
  for (const { user, at, ms } of all) {
    const pieces = users.get(user) ?? new Map<number, { n: number; total: number }>()
    users.set(user, pieces)
    const start = at - (at % everyMs)
    const piece = pieces.get(start) ?? { n: 0, total: 0 }
    pieces.set(start, piece)
    piece.n++
    piece.total += ms
  }
  for (const [user, pieces] of users) {
    const starts = new Set<number>()
    for (const last of pieces.keys())
      for (let start = last; start > last - sizeMs; start -= everyMs) starts.add(start)
    for (const start of starts) {
      let [n, total] = [0, 0]
      for (let at = start; at < start + sizeMs; at += everyMs) {
        n += pieces.get(at)?.n ?? 0
        total += pieces.get(at)?.total ?? 0
      }
      digest.add(`${user}|${start}|${n}|${total}`)
    }
  }
}

/** Every event with an even number of ms, with all of its user that have an odd one and lie close by. */
function pairs(count: number, digest: Digest): void {
  const byUser = new Map<string, readonly [even: Event[], odd: Event[]]>()
  for (const event of events(count)) {
    const known = byUser.get(event.user) ?? [[], []]
    byUser.set(event.user, known)
    known[event.ms % 2]!.push(event)
  }
  for (const [user, [even, odd]] of byUser)
    for (const a of even)
      for (const b of odd)
        if (Math.abs(a.at - b.at) <= apartMs)
          digest.add(
            forwardText(
              user,
              Math.max(a.at, b.at),
              JSON.stringify({ from: a.url, to: b.url, apart: b.at - a.at }),
            ),
          )
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
  if (workload === 'w0' || workload === 'w3' || workload === 'pairs') return forwardText(key, time, value)
  const row = JSON.parse(value)
  if (workload === 'w2') return `${key}|${row.n}`
  if (workload === 'sessions') return `${key}|${row.start}|${row.end}|${row.n}|${row.total}`
  const sizeMs = workload === 'w1' ? windowMs : minuteMs
  if (row.key !== key || row.end !== row.start + sizeMs || time !== row.end - 1) {
    throw new Error(`A window's row does not agree with itself: ${key} at ${time}: ${value}`)
  }
  return `${key}|${row.start}|${row.n}|${row.total}`
}

export type { Event }
