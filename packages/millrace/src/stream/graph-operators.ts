import type { Duration } from '../std/duration.ts'
import { type AnyStream, GraphEdge } from './graph-edge.ts'
import { changes } from './operators/changes.ts'
import { type DedupeOptions, dedupe } from './operators/dedupe.ts'
import type { FieldOf } from './operators/field.ts'
import { lag } from './operators/lag.ts'
import { pattern } from './operators/pattern/pattern.ts'
import { type RateLimitOptions, rateLimit, throttle } from './operators/rate.ts'
import { sessionize } from './operators/sessionize.ts'
import { debounce, sample } from './operators/settle.ts'
import { type TopKOptions, topK } from './operators/top-k.ts'
import { type TopNOptions, topN } from './operators/top-n.ts'

/** What is made of `process`, as methods of a keyed stream. */
export class GraphOperators extends GraphEdge {
  get #keyed(): AnyStream {
    return this as unknown as AnyStream
  }

  dedupe(name: string, options?: DedupeOptions<any, any>) {
    return dedupe(this.#keyed, name, options)
  }

  lag(name: string, distance?: number) {
    return lag(this.#keyed, name, distance)
  }

  changes(name: string, by?: FieldOf<any, any, unknown>) {
    return changes(this.#keyed, name, by)
  }

  topN(name: string, n: number, options: TopNOptions<any, any>) {
    return topN(this.#keyed, name, n, options)
  }

  topK(name: string, k: number, options: TopKOptions<any, any>) {
    return topK(this.#keyed, name, k, options)
  }

  pattern(name: string, predicate: (value: any, record: any) => boolean) {
    return pattern(this.#keyed, name, predicate)
  }

  throttle(name: string, pause: Duration) {
    return throttle(this.#keyed, name, pause)
  }

  rateLimit(name: string, options: RateLimitOptions) {
    return rateLimit(this.#keyed, name, options)
  }

  debounce(name: string, quiet: Duration) {
    return debounce(this.#keyed, name, quiet)
  }

  sample(name: string, period: Duration) {
    return sample(this.#keyed, name, period)
  }

  sessionize(name: string, gap: Duration) {
    return sessionize(this.#keyed, name, gap)
  }
}
