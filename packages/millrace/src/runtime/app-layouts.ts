import type { JoinOptions, TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { shapeTopic } from '../plan/names.ts'
import { type AdoptedShape, type AdoptOptions, adoptShape } from './adopt-shape.ts'
import { confirmWhenReachable } from './confirm-layouts.ts'
import { checkPositions } from './forgotten-positions.ts'
import type { Guarantee } from './guarantee.ts'
import type { HostedPipeline } from './host.ts'
import { LayoutClaim } from './layout-claim.ts'
import type { MembershipMeter } from './metrics/membership-meter.ts'
import type { PartitionCounts } from './topics.ts'
import { encodeVersions, millraceVersion } from './versions.ts'

export interface AppLayoutsOptions extends AdoptOptions {
  readonly codeVersion: string | undefined
  readonly guarantee: Guarantee | undefined
  readonly onFailed: (pipeline: string, error: Error) => void
  /** What a pipeline keeps cannot be confirmed: its member is to leave its group until `confirmed`. */
  readonly onLate: (pipeline: string) => void
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

  /** See `adoptShape` and `checkPositions`. */
  async adopt(graph: Graph, counts: PartitionCounts): Promise<void> {
    const { clock, say, onFailed, onLate } = this.#options
    await checkPositions(this.#options, graph)
    const adopted = await adoptShape(this.#options, graph, counts)
    const kept = Object.entries(adopted.layouts).filter(([, version]) => version > 0)
    const claims = new LayoutClaim({
      clock,
      newTopics: adopted.newTopics,
      keptTopics: new Set(kept.map(([topic]) => topic)),
      confirm: isWanted => confirmWhenReachable(clock, adopted.confirm, isWanted),
      onFailed: error => onFailed(graph.name, error),
      onLate: () => {
        say(
          `${graph.name}: it cannot be written down what it keeps, for ${shapeTopic(this.#options.app, graph.name)} does not answer. ` +
            'It leaves its group, and joins again when that can be read and written',
        )
        onLate(graph.name)
      },
    })
    this.#adopted.set(graph.name, { ...adopted, claims })
  }

  /** Resolves when the log can confirm what a pipeline keeps, or when that is not wanted any more. */
  confirmed(pipeline: string, isWanted: () => boolean): Promise<void> {
    return confirmWhenReachable(this.#options.clock, this.#adopted.get(pipeline)!.confirm, isWanted)
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
