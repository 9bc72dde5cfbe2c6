/** The events of Nexmark: persons, the auctions they open, and bids on those (Tucker, Tufte, Papadimos, Maier 2002). */

export interface Person {
  readonly id: number
  readonly name: string
  readonly emailAddress: string
  readonly creditCard: string
  readonly city: string
  readonly state: string
  readonly dateTime: string
  readonly extra: string
}

export interface Auction {
  readonly id: number
  readonly itemName: string
  readonly description: string
  readonly initialBid: number
  readonly reserve: number
  readonly dateTime: string
  readonly expires: string
  readonly seller: number
  readonly category: number
  readonly extra: string
}

export interface Bid {
  readonly auction: number
  readonly bidder: number
  /** In cents. */
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: string
  readonly extra: string
}

/** One wide row, as in the reference: exactly one of the three is there. Times are texts in UTC. */
export interface NexmarkEvent {
  /** 0 person, 1 auction, 2 bid. */
  readonly event_type: 0 | 1 | 2
  readonly person: Person | null
  readonly auction: Auction | null
  readonly bid: Bid | null
}

/** `yyyy-MM-dd HH:mm:ss.SSS` in UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, 23)
}

/** Reads what `timeText` wrote, in ms since the epoch. */
export function timeOf(text: string): number {
  return Date.parse(`${text.slice(0, 10)}T${text.slice(11)}Z`)
}
