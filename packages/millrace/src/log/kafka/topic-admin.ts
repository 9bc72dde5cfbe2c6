import { accessRight } from '../../std/access-right.ts'
import { LogError, type TopicChange, type TopicInfo, type TopicSettings, type TopicSpec } from '../log.ts'
import { checkGrowth, topicFrom } from '../topic-defaults.ts'
import type { Cluster, TopicView } from './cluster.ts'
import { CODE, KafkaError } from './errors.ts'

const TOPIC_RESOURCE = 2
/** Room for what a batch and a re-keying have around a record. */
const BATCH_FRAME_BYTES = 1024
const POLL_MS = 20
const SETTINGS = ['cleanup.policy', 'retention.ms', 'retention.bytes']
const REPLICATION_FACTOR = 'replication.factor'
/** Of IncrementalAlterConfigs: the setting gets the value. */
const SET = 0

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
      replicationFactor: Number(spec.kafka?.[REPLICATION_FACTOR] ?? replicationFactor),
      assignments: [],
      configs: configsOf(spec, minInsyncReplicas),
    }))
    await this.#cluster.retry(async () => {
      const answer = await this.#cluster.requestAny('createTopics', [topics, requestTimeoutMs, false])
      for (const { name, errorCode, errorMessage } of answer.topics) {
        if (errorCode === 0 || errorCode === CODE.topicExists) continue
        const right = accessRight('Create', 'Topic', name)
        throw new KafkaError(errorCode, `create topic ${name}`, errorMessage, right)
      }
    })
  }

  /** As the contract says; resolves when new partitions have leaders. */
  async alter(changes: readonly TopicChange[]): Promise<void> {
    const names = changes.map(({ name }) => name)
    const views = new Map((await this.#cluster.refresh(names)).map(view => [view.name, view]))
    const grown = changes.flatMap(({ name, partitions }) => {
      const view = views.get(name)
      if (view === undefined) throw new LogError('unknown-topic', `There is no topic ${name}`)
      checkGrowth(name, view.partitions.length, partitions)
      return partitions === undefined || partitions === view.partitions.length
        ? []
        : [{ name, count: partitions }]
    })
    await this.#set(changes)
    if (grown.length === 0) return
    const answer = await this.#cluster.retry(() =>
      this.#cluster.requestAny('createPartitions', [grown, this.#cluster.settings.requestTimeoutMs, false]),
    )
    for (const { name, errorCode, errorMessage } of answer.results) {
      if (errorCode === 0) continue
      const right = accessRight('Alter', 'Topic', name)
      throw new KafkaError(errorCode, `add partitions to topic ${name}`, errorMessage, right)
    }
    await this.#until(names, current =>
      grown.every(({ name, count }) => {
        const partitions = current.get(name)?.partitions ?? []
        return partitions.length === count && partitions.every(({ leader }) => leader >= 0)
      }),
    )
  }

  /** The factor of replication takes a plan of which broker gets what, which the operator's own tools make. */
  async #set(changes: readonly TopicChange[]): Promise<void> {
    const resources = changes.flatMap(change => {
      if (change.kafka?.[REPLICATION_FACTOR] !== undefined)
        throw new LogError(
          'topic-mismatch',
          `The replication factor of ${change.name} cannot be altered here: kafka-reassign-partitions.sh`,
        )
      const configs = configsOf(change, undefined).map(each => ({ ...each, configOperation: SET as 0 }))
      if (configs.length === 0) return []
      return [{ resourceType: TOPIC_RESOURCE as 2, resourceName: change.name, configs }]
    })
    if (resources.length === 0) return
    const answer = await this.#cluster.retry(() =>
      this.#cluster.requestAny('incrementalAlterConfigs', [resources, false]),
    )
    for (const { resourceName, errorCode, errorMessage } of answer.responses) {
      if (errorCode === 0) continue
      const right = accessRight('AlterConfigs', 'Topic', resourceName)
      throw new KafkaError(errorCode, `alter topic ${resourceName}`, errorMessage, right)
    }
  }

  async describe(names?: readonly string[]): Promise<TopicInfo[]> {
    const views = await this.#cluster.retry(() => this.#cluster.refresh(names ?? null))
    if (views.length === 0) return []
    const isWhole = names !== undefined
    const configs = await this.#cluster.retry(() => this.#configs(views, isWhole ? null : SETTINGS))
    return views.map(view => this.#info(view, configs.get(view.name), isWhole))
  }

  #info(view: TopicView, configs: ReadonlyMap<string, string> | undefined, isWhole: boolean): TopicInfo {
    const info = infoOf(view, configs, isWhole)
    const batchBytesMax = Number(configs?.get('max.message.bytes'))
    // Of a packed batch nobody knows the size before.
    const isKnown = batchBytesMax > 0 && this.#cluster.settings.compression === 'none'
    return isKnown ? { ...info, recordBytesMax: Math.max(1, batchBytesMax - BATCH_FRAME_BYTES) } : info
  }

  /** The settings of each topic, or those of these names; one that vanished meanwhile has none. */
  async #configs(
    views: readonly TopicView[],
    configurationKeys: string[] | null,
  ): Promise<Map<string, Map<string, string>>> {
    const resources = views.map(({ name }) => ({
      resourceType: TOPIC_RESOURCE as 2,
      resourceName: name,
      configurationKeys,
    }))
    const answer = await this.#cluster.requestAny('describeConfigs', [resources, false, false])
    const found = new Map<string, Map<string, string>>()
    for (const { errorCode, errorMessage, resourceName, configs } of answer.results) {
      if (errorCode === CODE.unknownTopic) continue
      if (errorCode !== 0) {
        const right = accessRight('DescribeConfigs', 'Topic', resourceName)
        throw new KafkaError(errorCode, `describe topic ${resourceName}`, errorMessage, right)
      }
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
        const right = accessRight('Delete', 'Topic', name ?? '')
        throw new KafkaError(errorCode, `delete topic ${name}`, errorMessage, right)
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
  spec: TopicChange,
  minInsyncReplicas: number | undefined,
): { name: string; value: string }[] {
  const { cleanup, retentionMs, retentionBytes, kafka } = spec
  const { [REPLICATION_FACTOR]: _, ...settings } = kafka ?? {}
  const configs: Record<string, string | number | undefined> = {
    'cleanup.policy': cleanup,
    'retention.ms': retentionMs,
    'retention.bytes': retentionBytes,
    'min.insync.replicas': minInsyncReplicas,
    ...settings,
  }
  return Object.entries(configs)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ({ name, value: String(value) }))
}

/** Kafka has no mark for internal topics; the names of Millrace's own end in what they are (SEMANTICS 1.4). */
function infoOf(
  view: TopicView,
  configs: ReadonlyMap<string, string> | undefined,
  isWhole: boolean,
): TopicInfo {
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
    ...(isWhole && { kafka: settingsOf(view, configs) }),
  }
}

function settingsOf(view: TopicView, configs: ReadonlyMap<string, string> = new Map()): TopicSettings {
  return { ...Object.fromEntries(configs), [REPLICATION_FACTOR]: String(view.partitions[0]?.replicas ?? 0) }
}
