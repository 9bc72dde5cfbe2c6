import { checkFieldOrFn } from '../plan/callbacks.ts'
import { checkTopicName } from '../plan/names.ts'
import { PlanError } from '../plan/plan-error.ts'
import type { DeepReadonly } from '../plan/readonly.ts'
import type { Topic } from '../plan/topic.ts'
import type { KeySerde } from '../serde/key.ts'
import { keys } from '../serde/keys.ts'
import type { Serde } from '../serde/serde.ts'
import { type Duration, toMs } from '../std/duration.ts'
import type { FieldName, FieldNameOf } from './callback-types.ts'

export interface TopicOptions<V, K, I> {
  /** How values are written and read, for example `json<View>()`. */
  readonly value: Serde<V, I>
  /** The key of a value that is sent without one: a field's name or a callback. */
  readonly key?: FieldName<I> | ((value: DeepReadonly<I>) => NoInfer<K>)
  /** How keys are written and read back; strings by default. */
  readonly keySerde?: KeySerde<K>
  /** Event time in ms since the epoch or as a Date: a field's name or a callback. Default: the record's time. */
  readonly timestamp?: FieldNameOf<V, number | Date> | ((value: DeepReadonly<V>) => number | Date)
  /** How many partitions it is created with where it does not exist; 1 by default. */
  readonly partitions?: number
  /**
   * How long records stay: `'7d'`, whole milliseconds, or `'forever'`; taken when the topic is created. The age of old
   * data that are replayed counts from when they were written (SEMANTICS 9.5), on Kafka from their own time.
   * Default: that of the log; on the embedded one 7 days, for ever with a `cleanup` that compacts.
   */
  readonly retention?: Duration | 'forever'
  /** Size limit of a partition. */
  readonly retentionBytes?: number
  /** `delete` drops what is old, `compact` keeps the newest record of each key. */
  readonly cleanup?: 'delete' | 'compact' | 'compact,delete'
  /**
   * Further settings of the topic on Kafka, under Kafka's own names: `{ 'min.insync.replicas': 2 }`. `replication.factor` is
   * one of them. Taken when it is created or by `millrace topics apply`; other logs have none.
   */
  readonly kafka?: Readonly<Record<string, string | number | boolean>>
  /** What a schema checks on reading (SEMANTICS 5.6): `full` (default), `used` fields only, or nothing. */
  readonly validate?: 'full' | 'used' | 'off'
}

/** Declares a topic. Nothing is created until something starts; throws `PlanError` when it never could be. */
export function topic<V, I = V, K = string>(name: string, options: TopicOptions<V, K, I>): Topic<V, K, I> {
  checkTopicName(name)
  checkOptions(name, options)
  const {
    key,
    timestamp,
    partitions = 1,
    retention,
    retentionBytes,
    cleanup,
    kafka,
    validate = 'full',
  } = options
  const keySerde = options.keySerde ?? (keys.string as unknown as KeySerde<K>)
  return Object.freeze({
    kind: 'topic',
    name,
    value: options.value.forTopic?.({ topic: name, part: 'value' }) ?? options.value,
    key,
    keySerde: keySerde.forTopic?.({ topic: name, part: 'key' }) ?? keySerde,
    timestamp,
    partitions,
    retentionMs: retention === undefined ? undefined : retentionMs(name, retention),
    retentionBytes,
    cleanup,
    kafka: kafka && kafkaSettings(name, kafka),
    validate,
  })
}

/** As a log's topic has it: -1 keeps for ever. */
function retentionMs(name: string, retention: Duration | 'forever'): number {
  if (retention === 'forever') return -1
  try {
    return toMs(retention, 'retention')
  } catch {
    const shown = typeof retention === 'string' ? `'${retention}'` : String(retention)
    throw new PlanError(
      { topic: name },
      `retention is ${shown}`,
      `give text such as '90m' or '7d', whole milliseconds, or 'forever'`,
    )
  }
}

/** What has an option of its own is not said twice. */
const ownOptions: Readonly<Record<string, string>> = {
  'cleanup.policy': 'cleanup',
  'retention.ms': 'retention',
  'retention.bytes': 'retentionBytes',
  'num.partitions': 'partitions',
}

function kafkaSettings(
  name: string,
  settings: NonNullable<TopicOptions<any, any, any>['kafka']>,
): Record<string, string> {
  for (const [setting, value] of Object.entries(settings)) {
    const own = ownOptions[setting]
    if (own !== undefined)
      throw new PlanError({ topic: name }, `kafka sets '${setting}'`, `say it with the option ${own}`)
    if (!/^[a-z][a-z.]*[a-z]$/.test(setting) || !['string', 'number', 'boolean'].includes(typeof value))
      throw new PlanError(
        { topic: name },
        `kafka sets '${setting}' to ${String(value)}`,
        "give settings under Kafka's names: { 'min.insync.replicas': 2 }",
      )
  }
  return Object.fromEntries(Object.entries(settings).map(([setting, value]) => [setting, String(value)]))
}

function checkOptions(name: string, options: TopicOptions<any, any, any>): void {
  const place = { topic: name }
  const { value, key, timestamp, partitions = 1 } = options
  if (typeof value?.serialize !== 'function' || typeof value?.deserialize !== 'function')
    throw new PlanError(place, 'value is not a serde', 'give one, for example value: json<View>()')
  if (!(Number.isSafeInteger(partitions) && partitions > 0))
    throw new PlanError(place, `partitions is ${partitions}`, 'give a whole number from 1')
  if (key !== undefined) checkFieldOrFn(key, 'key', place)
  if (timestamp !== undefined) checkFieldOrFn(timestamp, 'timestamp', place)
}
