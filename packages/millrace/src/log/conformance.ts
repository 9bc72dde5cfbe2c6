/**
 * The suite every log passes: what `log.ts` promises, tried through handles on one store.
 *
 * The parts lie in `conformance/`, one file per subject.
 */
import { describe } from 'node:test'
import { compactionSuite } from './conformance/cleaning.ts'
import { commitSuite } from './conformance/commits.ts'
import { membershipSuite } from './conformance/memberships.ts'
import { positionSuite } from './conformance/positions.ts'
import { readingSuite } from './conformance/reading.ts'
import type { ConformanceOptions, StoreFactory } from './conformance/store.ts'
import { topicSuite } from './conformance/topics.ts'

export type { ConformanceOptions, ConformanceStore, StoreFactory } from './conformance/store.ts'

/** Declares the whole suite for one kind of log; `factory` is called once for every test. */
export function describeLogConformance(
  name: string,
  factory: StoreFactory,
  options: ConformanceOptions = {},
): void {
  describe(`${name} log`, { concurrency: options.concurrency ?? 1 }, () => {
    const context = {
      factory,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 300,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 600,
      stepMs: options.stepMs ?? 20,
      deadlineMs: options.deadlineMs ?? 10_000,
      skip: new Set(options.skip ?? []),
    }
    topicSuite(context)
    readingSuite(context)
    compactionSuite(context)
    commitSuite(context)
    positionSuite(context)
    membershipSuite(context)
  })
}
