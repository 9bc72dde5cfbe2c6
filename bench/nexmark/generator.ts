import { createHash } from 'node:crypto'
import { letterPool, poolLetters, price } from '../data/nexmark-draws.ts'
import { Sfc32 } from '../data/sfc32.ts'
import { type Auction, type Bid, type NexmarkEvent, type Person, timeText } from './events.ts'

/** How dense events lie in event time, and of what day they are. */
export interface Preset {
  readonly name: 'dense' | 'sparse'
  /** Events per second of event time. */
  readonly rate: number
  readonly baseTime: number
  /** SHA-256 of the first 50,000 events, each as JSON with a line feed behind it. */
  readonly hash: string
}

/** A window of 10 s holds a million events; crosses midnight. */
export const dense: Preset = {
  name: 'dense',
  rate: 100_000,
  baseTime: Date.UTC(2024, 0, 1, 23, 59, 20),
  hash: '09fb25d0a40f38a05b7a5329b1cbd13fb4b7897c880f11e6e117b59c9e61a1cd',
}

/** A window of 10 s holds a thousand events; a million spans three hours. */
export const sparse: Preset = {
  name: 'sparse',
  rate: 100,
  baseTime: Date.UTC(2024, 0, 1, 17, 30),
  hash: 'b0dad4ef94272424a04d1b6399b3db37c63fa97f51eda6793f55af43f8b62822',
}

/** An event and its time. */
export interface TimedEvent {
  readonly time: number
  readonly event: NexmarkEvent
}

const hashedCount = 50_000
const seed = 1
const firstId = 1_000
const categoryMin = 10
const categories = 5
const inFlight = 100
const active = 1_000
const lead = 10
const otherChannels = 10_000
const hotChannels = ['Google', 'Facebook', 'Baidu', 'Apple']
const firstNames = 'Peter Paul Luke John Saul Vicky Kate Julie Sarah Deiter Walter'.split(' ')
const lastNames = 'Shultz Abrams Spencer White Bartels Walton Smith Jones Noris'.split(' ')
const cities = 'Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne'.split(
  ',',
)
const states = 'AZ CA ID OR WA WY'.split(' ')

/** Makes the events of a preset; each is a function of its number alone, so disorder changes none of them. */
export class NexmarkGenerator {
  readonly #preset: Preset
  readonly #random = new Sfc32()
  readonly #pool: string
  readonly #urls: readonly string[]

  constructor(preset: Preset) {
    this.#preset = preset
    this.#pool = letterPool(this.#random, seed)
    this.#urls = urls(this.#random.seed(0, -2, seed))
  }

  /** The first `count` events; those of each `group` are shuffled among each other. `count` is a multiple of `group`. */
  *events(count: number, group = 1): Generator<TimedEvent> {
    for (let k = 0; k < count; k++) yield this.event(Math.floor(k / group) * group + ((k * 953) % group))
  }

  event(e: number): TimedEvent {
    this.#random.seed(e, Math.floor(e / 2 ** 32), seed)
    const time = this.#timeOf(e)
    const nothing = { event_type: 0, person: null, auction: null, bid: null } as const
    const rest = e % 50
    if (rest < 1) return { time, event: { ...nothing, person: this.#person(e, time) } }
    if (rest < 4) return { time, event: { ...nothing, event_type: 1, auction: this.#auction(e, time) } }
    return { time, event: { ...nothing, event_type: 2, bid: this.#bid(e, time) } }
  }

  #timeOf(e: number): number {
    return this.#preset.baseTime + Math.floor((e * 1000) / this.#preset.rate)
  }

  #person(e: number, time: number): Person {
    const random = this.#random
    const name = `${pick(random, firstNames)} ${pick(random, lastNames)}`
    const emailAddress = `${text(random, 7, ' ')}@${text(random, 5, ' ')}.com`
    const digits = () => String(random.below(10_000)).padStart(4, '0')
    const creditCard = [digits(), digits(), digits(), digits()].join(' ')
    const city = pick(random, cities)
    const state = pick(random, states)
    const size = 8 + name.length + emailAddress.length + creditCard.length + city.length + state.length
    const extra = this.#extra(size, 200)
    const id = firstId + lastPerson(e)
    return { id, name, emailAddress, creditCard, city, state, dateTime: timeText(time), extra }
  }

  #auction(e: number, time: number): Auction {
    const random = this.#random
    const isHot = random.below(4) > 0
    const seller = firstId + (isHot ? Math.floor(lastPerson(e) / 100) * 100 : nextPerson(e, random))
    const category = categoryMin + random.below(categories)
    const initialBid = price(random)
    const horizonMs = this.#timeOf(e + Math.floor((inFlight * 50) / 3)) - time
    const expires = timeText(time + 1 + random.below(Math.max(horizonMs * 2, 1)))
    const itemName = text(random, 20, ' ')
    const description = text(random, 100, ' ')
    const reserve = initialBid + price(random)
    const extra = this.#extra(8 + itemName.length + description.length + 40, 500)
    const id = firstId + lastAuction(e)
    const dateTime = timeText(time)
    return {
      id,
      itemName,
      description,
      initialBid,
      reserve,
      dateTime,
      expires,
      seller,
      category,
      extra,
    }
  }

  #bid(e: number, time: number): Bid {
    const random = this.#random
    const isHotAuction = random.below(2) > 0
    const auction = firstId + (isHotAuction ? Math.floor(lastAuction(e) / 100) * 100 : nextAuction(e, random))
    const isHotBidder = random.below(4) > 0
    const bidder = firstId + (isHotBidder ? Math.floor(lastPerson(e) / 100) * 100 + 1 : nextPerson(e, random))
    const amount = price(random)
    const hot = random.below(2) > 0
    const number = random.below(hot ? hotChannels.length : otherChannels)
    const channel = hot ? hotChannels[number]! : `channel-${number}`
    const url = this.#urls[hot ? number : hotChannels.length + number]!
    return {
      auction,
      bidder,
      price: amount,
      channel,
      url,
      dateTime: timeText(time),
      extra: this.#extra(32, 100),
    }
  }

  /** Letters that bring an event to about its average size. */
  #extra(size: number, average: number): string {
    if (size > average) return ''
    const missing = average - size
    const delta = Math.round(missing * 0.2)
    const length = missing - delta + (delta === 0 ? 0 : this.#random.below(2 * delta))
    const at = this.#random.below(poolLetters - length)
    return this.#pool.slice(at, at + length)
  }
}

/** Throws unless the generator makes the events that all its implementations must make. */
export function checkGenerator(preset: Preset): void {
  const hash = createHash('sha256')
  for (const { event } of new NexmarkGenerator(preset).events(hashedCount))
    hash.update(`${JSON.stringify(event)}\n`)
  const found = hash.digest('hex')
  if (found !== preset.hash)
    throw new Error(`The generator of "${preset.name}" is broken: its first ${hashedCount} hash to ${found}`)
}

function lastPerson(e: number): number {
  return Math.floor(e / 50)
}

/** The newest auction: that of the event itself, or of those before. */
function lastAuction(e: number): number {
  const rest = e % 50
  return 3 * Math.floor(e / 50) + (rest < 4 ? rest - 1 : 2)
}

/** An active person, or one that is not yet there. */
function nextPerson(e: number, random: Sfc32): number {
  const persons = lastPerson(e) + 1
  const recent = Math.min(persons, active)
  return persons - recent + random.below(recent + lead)
}

function nextAuction(e: number, random: Sfc32): number {
  const last = lastAuction(e)
  const first = Math.max(last - inFlight, 0)
  return first + random.below(last - first + 1 + lead)
}

function pick(random: Sfc32, of: readonly string[]): string {
  return of[random.below(of.length)]!
}

/** 3 to `lengthMax` - 1 letters, some of them separators; without spaces around. */
function text(random: Sfc32, lengthMax: number, separator: string): string {
  const length = 3 + random.below(lengthMax - 3)
  let result = ''
  for (let i = 0; i < length; i++)
    result += random.below(13) === 0 ? separator : String.fromCharCode(97 + random.below(26))
  return result.trim()
}

/** Those of the hot channels, then those of the others. */
function urls(random: Sfc32): string[] {
  const result = hotChannels.map(() => url(random))
  for (let channel = 0; channel < otherChannels; channel++) {
    const base = url(random)
    result.push(random.below(10) > 0 ? `${base}&channel_id=${Math.abs(reversedBits(channel))}` : base)
  }
  return result
}

function url(random: Sfc32): string {
  const directory = () => text(random, 5, '_')
  return `https://www.nexmark.com/${directory()}/${directory()}/${directory()}/item.htm?query=1`
}

function reversedBits(n: number): number {
  let result = 0
  for (let bit = 0; bit < 32; bit++) if ((n >>> bit) & 1) result |= 1 << (31 - bit)
  return result
}
