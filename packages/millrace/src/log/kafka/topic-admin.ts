import { LogError, type TopicInfo, type TopicSpec } from '../log.ts'
import { topicFrom } from '../topic-defaults.ts'
import type { Cluster, TopicView } from './cluster.ts'
import { CODE, KafkaError } from './errors.ts'

const TOPIC_RESOURCE = 2
const POLL_MS = 20
const SETTINGS = ['cleanup.policy', 'retention.ms', 'retention.bytes']

/** Creates, describes and deletes topics. */
export class TopicAdmin {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** As the contract says; resolves when the topics have leaders, so that they can be used at once. */
  async create(specs: readonly TopicSpec[]): Promise<void> {
    for (const spec of specs) topicFrom(spec, '')
    const names = specs.map(spec => spec.name)
    const existing = new Map((await this.#cluster.refresh(names)).map(view => [view.name, view]))
    const wanted = specs.filter(spec => !existing.has(spec.name))
    for (const spec of specs) checkCount(spec, existing.get(spec.name))
    if (wanted.length > 0) await this.#create(wanted)
    await this.#until(names, views => {
      for (const spec of specs) checkCount(spec, views.get(spec.name))
      return names.every(name => views.get(name)?.partitions.every(({ leader }) => leader >= 0))
    })
  }

  async #create(specs: readonly TopicSpec[]): Promise<void> {
    const { replicationFactor, minInsyncReplicas, requestTimeoutMs } = this.#cluster.settings
    const topics = specs.map(spec => ({
      name: spec.name,
      numPartitions: spec.partitions,
      replicationFactor,
      assignments: [],
      configs: configsOf(spec, minInsyncReplicas),
    }))
    await this.#cluster.retry(async () => {
      const answer = await this.#cluster.requestAny('createTopics', [topics, requestTimeoutMs, false])
      for (const { name, errorCode, errorMessage } of answer.topics) {
        if (errorCode === 0 || errorCode === CODE.topicExists) continue
        throw new KafkaError(errorCode, `create topic ${name}`, errorMessage)
      }
    })
  }

  async describe(names?: readonly string[]): Promise<TopicInfo[]> {
    const views = await this.#cluster.retry(() => this.#cluster.refresh(names ?? null))
    if (views.length === 0) return []
    const configs = await this.#cluster.retry(() => this.#configs(views))
    return views.map(view => infoOf(view, configs.get(view.name)))
  }

  /** The settings of each topic; one that vanished meanwhile has none. */
  async #configs(views: readonly TopicView[]): Promise<Map<string, Map<string, string>>> {
    const resources = views.map(({ name }) => ({
      resourceType: TOPIC_RESOURCE as 2,
      resourceName: name,
      configurationKeys: SETTINGS,
    }))
    const answer = await this.#cluster.requestAny('describeConfigs', [resources, false, false])
    const found = new Map<string, Map<string, string>>()
    for (const { errorCode, errorMessage, resourceName, configs } of answer.results) {
      if (errorCode === CODE.unknownTopic) continue
      if (errorCode !== 0) throw new KafkaError(errorCode, `describe topic ${resourceName}`, errorMessage)
      found.set(resourceName, new Map(configs.map(({ name, value }) => [name, value ?? ''])))
    }
    return found
  }

  /** Resolves when the topics are gone; those that do not exist are gone already. */
  async delete(names: readonly string[]): Promise<void> {
    const topics = names.map(name => ({ name, topicId: null }))
    await this.#cluster.retry(async () => {
      const answer = await this.#cluster.requestAny('deleteTopics', [
        topics,
        this.#cluster.settings.requestTimeoutMs,
      ])
      for (const { name, errorCode, errorMessage } of answer.responses) {
        if (errorCode === 0 || errorCode === CODE.unknownTopic) continue
        throw new KafkaError(errorCode, `delete topic ${name}`, errorMessage)
      }
    })
    await this.#until(names, views => views.size === 0)
  }

  async #until(
    names: readonly string[],
    isDone: (views: ReadonlyMap<string, TopicView>) => boolean | undefined,
  ): Promise<void> {
    const deadlineMs = this.#cluster.clock.monotonic() + this.#cluster.settings.requestTimeoutMs
    for (;;) {
      const views = await this.#cluster.retry(() => this.#cluster.refresh(names))
      if (isDone(new Map(views.map(view => [view.name, view])))) return
      if (this.#cluster.clock.monotonic() > deadlineMs)
        throw new LogError('unavailable', `The brokers do not agree on ${names.join(', ')} yet`, {
          retriable: true,
        })
      await this.#cluster.pause(POLL_MS)
    }
  }
}

function checkCount(spec: TopicSpec, view: TopicView | undefined): void {
  if (view === undefined || view.partitions.length === spec.partitions) return
  throw new LogError(
    'topic-mismatch',
    `Topic ${spec.name} has ${view.partitions.length} partitions, not ${spec.partitions}`,
  )
}

function configsOf(
  spec: TopicSpec,
  minInsyncReplicas: number | undefined,
): { name: string; value: string }[] {
  const { cleanup, retentionMs, retentionBytes } = spec
  const configs: Record<string, string | number | undefined> = {
    'cleanup.policy': cleanup,
    'retention.ms': retentionMs,
    'retention.bytes': retentionBytes,
    'min.insync.replicas': minInsyncReplicas,
  }
  return Object.entries(configs)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ({ name, value: String(value) }))
}

/** Kafka has no mark for internal topics; the names of Millrace's own end in what they are (SEMANTICS 1.4). */
function infoOf(view: TopicView, configs: ReadonlyMap<string, string> | undefined): TopicInfo {
  const policies = (configs?.get('cleanup.policy') ?? 'delete').split(',').map(policy => policy.trim())
  const compacts = policies.includes('compact')
  const deletes = policies.includes('delete')
  return {
    id: view.id,
    name: view.name,
    partitions: view.partitions.length,
    cleanup: compacts ? (deletes ? 'compact,delete' : 'compact') : 'delete',
    retentionMs: Number(configs?.get('retention.ms') ?? -1),
    retentionBytes: Number(configs?.get('retention.bytes') ?? -1),
    internal: /\.(changelog|repartition)$/.test(view.name),
  }
}
