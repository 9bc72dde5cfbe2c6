import { type Random, seededRandom } from '../../packages/millrace/src/std/random.ts'

/** One record of the benchmarks: 150 to 200 bytes of JSON under the user as key. */
export interface Event {
  readonly user: string
  readonly url: string
  readonly device: string
  readonly country: string
  readonly ms: number
  readonly at: number
  readonly session: string
  readonly agent: string
}

const userCount = 100_000
/** Of the input that is read in hopping windows: a key has a record in most of their steps, and results are few beside records. */
export const fewUsers = 2_000
const urlCount = 10_000
/** Event time runs at this many records a second. */
const recordsPerSecond = 50_000
/** How far a record may lie behind the newest one before it. */
export const disorderMs = 500
const firstTime = Date.UTC(2026, 0, 1)

const devices = ['desktop', 'mobile', 'tablet', 'bot']
const countries = ['DE', 'FR', 'US', 'BR', 'IN', 'JP', 'NG', 'PL']
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64) Firefox/146.0',
  'Mozilla/5.0 (Macintosh) Safari/605.1.15',
  'Mozilla/5.0 (Windows NT 10.0) Chrome/142.0',
]

/** The same events for the same seed; uniform over users and urls, times slightly out of order. */
export function* events(count: number, users = userCount, seed = 1): Generator<Event> {
  const random = seededRandom(seed)
  for (let i = 0; i < count; i++) yield event(i, users, random)
}

function event(i: number, users: number, random: Random): Event {
  const pick = (n: number) => Math.floor(random() * n)
  return {
    user: `u${String(pick(users)).padStart(6, '0')}`,
    url: `/p/${pick(urlCount)}`,
    device: devices[pick(devices.length)]!,
    country: countries[pick(countries.length)]!,
    ms: pick(5_000),
    at: firstTime + Math.floor((i * 1000) / recordsPerSecond) + disorderMs - pick(disorderMs),
    session: Math.floor(random() * 2 ** 40)
      .toString(16)
      .padStart(10, '0'),
    agent: agents[pick(agents.length)]!,
  }
}
