/**
 * The suite every log passes: what `log.ts` promises, tried through handles on one store.
 *
 * The parts lie in `conformance/`, one file per subject.
 */
import { describe } from 'node:test'
import { compactionSuite } from './conformance/cleaning.ts'
import { commitSuite } from './conformance/commits.ts'
import { layoutSuite } from './conformance/layouts.ts'
import { membershipSuite } from './conformance/memberships.ts'
import { positionSuite } from './conformance/positions.ts'
import { readingSuite } from './conformance/reading.ts'
import type { ConformanceOptions, ConformancePart, Context, StoreFactory } from './conformance/store.ts'
import { topicSuite } from './conformance/topics.ts'

export type { ConformanceOptions, ConformanceStore, StoreFactory } from './conformance/store.ts'

const SUITES: Record<ConformancePart, (context: Context) => void> = {
  topics: topicSuite,
  reading: readingSuite,
  cleaning: compactionSuite,
  commits: commitSuite,
  positions: positionSuite,
  memberships: membershipSuite,
  layouts: layoutSuite,
}

/** Declares the suite, or some parts of it, for one kind of log; `factory` is called once for every test. */
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
    for (const part of options.parts ?? (Object.keys(SUITES) as ConformancePart[])) SUITES[part](context)
  })
}
