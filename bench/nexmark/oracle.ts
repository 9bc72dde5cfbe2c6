import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { timeOf, timeText } from './events.ts'
import { NexmarkGenerator, type Preset } from './generator.ts'
import type { Query } from './query.ts'
import { rowText } from './rows.ts'

const schema = `
  CREATE TABLE person (id INTEGER, name, emailAddress, creditCard, city, state, dateTime INTEGER, extra);
  CREATE TABLE auction (
    id INTEGER, itemName, description, initialBid INTEGER, reserve INTEGER, dateTime INTEGER, expires INTEGER, seller INTEGER,
    category INTEGER, extra);
  CREATE TABLE bid (auction INTEGER, bidder INTEGER, price INTEGER, channel, url, dateTime INTEGER, extra);`

const indexes = `
  CREATE INDEX person_id ON person (id);
  CREATE INDEX auction_id ON auction (id);
  CREATE INDEX auction_seller ON auction (seller);
  CREATE INDEX bid_auction ON bid (auction, dateTime);
  CREATE INDEX bid_bidder ON bid (bidder, dateTime);`

/** The answers that SQL gives over the same events, which never passed a stream. */
export class Oracle {
  readonly #database = new DatabaseSync(':memory:')

  constructor(preset: Preset, count: number) {
    this.#database.function('time_text', { deterministic: true }, ms => timeText(Number(ms)))
    this.#database.function('split_part', { deterministic: true }, (text, n) => {
      return String(text).split('/')[Number(n)] ?? null
    })
    this.#database.exec(schema)
    this.#load(preset, count)
    this.#database.exec(indexes)
  }

  #load(preset: Preset, count: number): void {
    const person = this.#insertInto('person', 8)
    const auction = this.#insertInto('auction', 10)
    const bid = this.#insertInto('bid', 7)
    this.#database.exec('BEGIN')
    for (const { event } of new NexmarkGenerator(preset).events(count)) {
      if (event.person !== null) insert(person, event.person)
      else if (event.auction !== null) insert(auction, event.auction)
      else insert(bid, event.bid!)
    }
    this.#database.exec('COMMIT')
  }

  #insertInto(table: string, columns: number): StatementSync {
    return this.#database.prepare(`INSERT INTO ${table} VALUES (${Array(columns).fill('?').join(', ')})`)
  }

  /** The rows of the answer, each as one text, with how often they are in it; and the names of their members. */
  answer({ sql, functions = {} }: Query): {
    readonly fields: readonly string[]
    readonly rows: Map<string, number>
  } {
    for (const [name, fn] of Object.entries(functions))
      this.#database.function(name, { deterministic: true }, fn)
    const statement = this.#database.prepare(sql)
    const fields = statement.columns().map(({ name }) => name)
    const rows = new Map<string, number>()
    for (const row of statement.iterate()) {
      const text = rowText(row as Record<string, unknown>, fields)
      rows.set(text, (rows.get(text) ?? 0) + 1)
    }
    return { fields, rows }
  }

  close(): void {
    this.#database.close()
  }
}

function insert(statement: StatementSync, event: object): void {
  const isTime = (name: string) => name === 'dateTime' || name === 'expires'
  statement.run(...Object.entries(event).map(([name, value]) => (isTime(name) ? timeOf(value) : value)))
}
