import type { API } from '@platformatic/kafka'
import {
  type AnswerOf,
  APIS,
  type ApiName,
  type ArgsOf,
  FETCH_REQUESTS,
  type VersionsAnswer,
} from './apis.ts'
import { UnreachableError } from './errors.ts'

const FETCH = 1
const PRODUCE = 0
/** Produce 12 takes part in transactions without AddPartitionsToTxn; 9 is the first with a flexible header. */
const PRODUCE_VERSIONS = [13, 12, 11, 10, 9]
const TRANSACTION_VERSION_2 = 2

type Call<Name extends ApiName> = API<ArgsOf<Name> & unknown[], AnswerOf<Name>>

/** What one broker and this client both know. */
export class Versions {
  readonly #ranges: ReadonlyMap<number, readonly [number, number]>
  readonly fetch: number
  /** Within transactions of the first flow Produce must not be newer than 11. */
  readonly produce: number
  /** The broker runs the flow of KIP-890: partitions and offsets join a transaction by being written. */
  readonly hasTransactions2: boolean

  /** Throws `UnreachableError` when a request has no version in common, naming it. */
  constructor(answer: VersionsAnswer, broker: string) {
    this.#ranges = new Map(answer.apiKeys.map(api => [api.apiKey, [api.minVersion, api.maxVersion]]))
    const best = (key: number, versions: Iterable<number>, what: string) => {
      const found = [...versions].sort((a, b) => b - a).find(version => this.#has(key, version))
      if (found !== undefined) return found
      const range = this.#ranges.get(key)
      throw new UnreachableError(
        `The broker ${broker} and Millrace have no version of ${what} in common (it has ${range?.join(' to ') ?? 'none'}); Kafka 3.1 or newer is needed`,
        { final: true },
      )
    }
    this.fetch = best(FETCH, FETCH_REQUESTS.keys(), 'Fetch')
    this.produce = best(PRODUCE, PRODUCE_VERSIONS, 'Produce')
    for (const [name, calls] of Object.entries(APIS)) {
      best(
        calls[0].key,
        calls.map(call => call.version),
        name,
      )
    }
    const level = answer.finalizedFeatures?.find(each => each.name === 'transaction.version')?.maxVersionLevel
    this.hasTransactions2 =
      (level ?? 0) >= TRANSACTION_VERSION_2 && this.produce >= 12 && this.#has(APIS.endTxn[0].key, 5)
  }

  #has(key: number, version: number): boolean {
    const range = this.#ranges.get(key)
    return range !== undefined && version >= range[0] && version <= range[1]
  }

  /** The newest common version of a request; `at` bounds it from above. */
  choose<Name extends ApiName>(name: Name, at = 99): Call<Name> {
    const calls = APIS[name] as unknown as readonly Call<Name>[]
    return calls.find(call => call.version <= at && this.#has(call.key, call.version))!
  }
}
