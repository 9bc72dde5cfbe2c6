import type { JoinOptions, TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import type { Clock } from '../std/clock.ts'
import { type AdoptedShape, type AdoptOptions, adoptShape } from './adopt-shape.ts'
import { Backoff, isRetriable } from './backoff.ts'
import type { HostedPipeline } from './host.ts'
import { LayoutClaim } from './layout-claim.ts'
import type { MembershipMeter } from './metrics/membership-meter.ts'
import type { PartitionCounts } from './topics.ts'
import { encodeVersions, millraceVersion } from './versions.ts'

export interface AppLayoutsOptions extends AdoptOptions {
  readonly codeVersion: string | undefined
  readonly onFailed: (pipeline: string, error: Error) => void
}

/** What an app's memberships say of its pipelines' layouts, and what they are told of them (SEMANTICS 8.2). */
export class AppLayouts {
  readonly #options: AppLayoutsOptions
  /** By pipeline. */
  readonly #adopted = new Map<string, AdoptedShape & { readonly claims: LayoutClaim }>()
  /** What nobody may have, as it was said last, by pipeline. */
  readonly #barred = new Map<string, string>()

  constructor(options: AppLayoutsOptions) {
    this.#options = options
  }

  /** See `adoptShape`. */
  async adopt(graph: Graph, counts: PartitionCounts): Promise<void> {
    const { clock, onFailed } = this.#options
    const adopted = await adoptShape(this.#options, graph, counts)
    const kept = Object.entries(adopted.layouts).filter(([, version]) => version > 0)
    const claims = new LayoutClaim({
      newTopics: adopted.newTopics,
      keptTopics: new Set(kept.map(([topic]) => topic)),
      confirm: () => whenReachable(clock, adopted.confirm),
      onFailed: error => onFailed(graph.name, error),
    })
    this.#adopted.set(graph.name, { ...adopted, claims })
  }

  claimsOf(pipeline: string): LayoutClaim {
    return this.#adopted.get(pipeline)!.claims
  }

  /** What a membership publishes. */
  offerOf(
    pipeline: HostedPipeline,
    meter: MembershipMeter,
  ): Pick<JoinOptions, 'layouts' | 'userData' | 'onBarred'> {
    return {
      layouts: this.#adopted.get(pipeline.name)!.layouts,
      userData: encodeVersions({ code: this.#options.codeVersion, millrace: millraceVersion() }),
      onBarred: partitions => {
        meter.barred(partitions)
        this.#sayBarred(pipeline, partitions)
      },
    }
  }

  /** Says which partitions nobody may have: once, and again when they have become others. */
  #sayBarred({ name, group }: HostedPipeline, partitions: readonly TopicPartition[]): void {
    const list = partitions.map(({ topic, partition }) => `${topic}/${partition}`).join(', ')
    const before = this.#barred.get(name) ?? ''
    this.#barred.set(name, list)
    if (list === before) return
    this.#options.say(
      list === ''
        ? `${name}: all its partitions have an owner again`
        : `${name}: no member of ${group} may have ${list}: newer code has had them, and nobody here runs it. ` +
            'They wait. Start the newer code, or go back with --rollback (rollback: true)',
    )
  }
}

/** Tasks wait for a log that cannot be reached, and this is a part of their start. */
async function whenReachable(clock: Clock, work: () => Promise<void>): Promise<void> {
  const backoff = new Backoff(clock)
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isRetriable(error)) throw error
      await backoff.wait()
    }
  }
}
