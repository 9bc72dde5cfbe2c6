import { type Serde, string } from 'millrace'

/** One request, as a line of an access log tells it. */
export type Request = {
  /** Event time in ms since the epoch. */
  at: number
  ip: string
  /** The path that was asked for, without its query; null where the request line is none ("-", garbage). */
  page: string | null
  status: number
  /** Size of the answer's body; null where the server logged "-". */
  bytes: number | null
  /** Host of the site that linked here; null where there is none, or it is the site itself. */
  referrer: string | null
  /** Crawlers, feed readers, scripts, and whoever does not say what they are. */
  bot: boolean
}

/** Lines of Apache's "combined" format: written as they are, read as requests. A broken line throws, and so is rejected. */
export const accessLogLine: Serde<Request, string> = {
  format: 'access-log',
  id: 'access-log',
  serialize: line => string().serialize(line),
  deserialize: (bytes, start, end) => parseLine(string().deserialize(bytes, start, end)),
}

const QUOTED = String.raw`"((?:[^"\\]|\\.)*)"`
const FIELDS = [
  { name: 'address', pattern: String.raw`(\S+)` },
  { name: 'identity', pattern: String.raw`\S+` },
  { name: 'user', pattern: String.raw`\S+` },
  { name: 'time', pattern: String.raw`\[([^\]]*)\]` },
  { name: 'request', pattern: QUOTED },
  { name: 'status', pattern: String.raw`([1-5]\d\d)` },
  { name: 'size', pattern: String.raw`(\d{1,15}|-)` },
  { name: 'referrer', pattern: QUOTED },
  { name: 'agent', pattern: QUOTED },
]
const COMBINED = new RegExp(`^${FIELDS.map(field => field.pattern).join(' ')}\\r?$`)
const REQUEST = /^[A-Z]+ ([^ ?]+)[^ ]* HTTP\/\d/
const REFERRER = /^https?:\/\/([^/?#]+)/i
const OWN_SITE = /^(www\.)?semicomplete\.com$/
const BOT =
  /bot|crawl|spider|slurp|feed|rss|fetch|preview|reader|scout|curl|wget|python|perl|ruby|java\/|https?:/i
const TIME = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Reads a line; throws a `BrokenLine` that names the first field that is not as it should be. */
export function parseLine(line: string): Request {
  const match = COMBINED.exec(line)
  if (match === null) throw new BrokenLine(`the ${firstBroken(line)} is broken or missing`)
  const [, ip, time, request, status, size, referrer, agent] = match as unknown as string[]
  const at = parseTime(time!)
  if (at === undefined) throw new BrokenLine('the time is not a date')
  return {
    at,
    ip: ip!,
    page: REQUEST.exec(request!)?.[1] ?? null,
    status: Number(status),
    bytes: size === '-' ? null : Number(size),
    referrer: foreignHost(referrer!),
    bot: agent === '-' || agent === '' || BOT.test(agent!),
  }
}

/** A line that is not one of an access log. */
class BrokenLine extends Error {
  override readonly name = 'BrokenLine'
  /** What the header `millrace.reason` of the rejected record says. */
  readonly reason = 'broken-line'
}

/** The event time of a line, also of one that is broken further on; undefined where there is none to find. */
export function timeOf(line: string): number | undefined {
  return parseTime(/\[([^\]]*)\]/.exec(line)?.[1] ?? '')
}

function firstBroken(line: string): string {
  const isBroken = (_: unknown, i: number) => {
    const upToHere = FIELDS.slice(0, i + 1).map(field => field.pattern)
    return !new RegExp(`^${upToHere.join(' ')}( |\\r?$)`).test(line)
  }
  return FIELDS.find(isBroken)?.name ?? 'end of the line'
}

/** `17/May/2015:10:05:03 +0000` in ms since the epoch. */
function parseTime(text: string): number | undefined {
  const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = TIME.exec(text) ?? []
  // Nobody served the web before 1990.
  if (day === undefined || Number(year) < 1990) return undefined
  const parts = [Number(year), MONTHS.indexOf(month!), Number(day), Number(hour), Number(minute)] as const
  const local = new Date(Date.UTC(...parts, Number(second)))
  // Date.UTC takes 31 February for 3 March.
  const isReal = local.getUTCDate() === Number(day) && local.getUTCMonth() === parts[1]
  if (!isReal || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  const zoneMs = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000
  return local.getTime() - (sign === '-' ? -zoneMs : zoneMs)
}

function foreignHost(referrer: string): string | null {
  const host = REFERRER.exec(referrer)?.[1]?.toLowerCase()
  return host === undefined || OWN_SITE.test(host) ? null : host
}
