import { type KafkaProperties, KafkaSettingError, Properties } from './properties.ts'
import { type SaslSettings, securityOf } from './security-settings.ts'
import { NAMES, unknownName } from './setting-names.ts'
import type { TlsSource } from './tls-source.ts'

export { type KafkaProperties, KafkaSettingError } from './properties.ts'

export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
export interface KafkaSettings {
  readonly brokers: readonly { readonly host: string; readonly port: number }[]
  readonly clientId: string
  readonly rack: string
  readonly tls: TlsSource | undefined
  readonly sasl: SaslSettings | undefined
  readonly compression: CompressionName
  /** -1 takes the broker's. */
  readonly replicationFactor: number
  /** For topics created by Millrace; undefined takes the broker's. */
  readonly minInsyncReplicas: number | undefined
  readonly transactionTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly connectTimeoutMs: number
  /** How long a call is repeated before it is given up. */
  readonly deliveryTimeoutMs: number
  readonly retryBackoffMs: number
  readonly metadataMaxAgeMs: number
}

/** Reads settings under Kafka's names. Throws `KafkaSettingError`, which names the first that is wrong. */
export function kafkaSettings(properties: KafkaProperties): KafkaSettings {
  for (const name of Object.keys(properties)) {
    if (!(NAMES as readonly string[]).includes(name)) throw new KafkaSettingError(name, unknownName(name))
  }
  const read = new Properties(properties)
  return {
    brokers: brokersOf(read.text('bootstrap.servers') ?? ''),
    clientId: read.text('client.id') ?? 'millrace',
    rack: read.text('client.rack') ?? '',
    ...securityOf(read),
    compression: read.oneOf('compression.type', ['none', 'gzip', 'snappy', 'lz4', 'zstd']) ?? 'none',
    replicationFactor: read.whole('replication.factor', -1) ?? -1,
    minInsyncReplicas: read.whole('min.insync.replicas', 1),
    transactionTimeoutMs: read.whole('transaction.timeout.ms', 1000) ?? 30_000,
    requestTimeoutMs: read.whole('request.timeout.ms', 1) ?? 30_000,
    connectTimeoutMs: read.whole('socket.connection.setup.timeout.ms', 1) ?? 10_000,
    deliveryTimeoutMs: read.whole('delivery.timeout.ms', 1) ?? 60_000,
    retryBackoffMs: read.whole('retry.backoff.ms', 1) ?? 50,
    metadataMaxAgeMs: read.whole('metadata.max.age.ms', 1) ?? 60_000,
  }
}

function brokersOf(list: string): KafkaSettings['brokers'] {
  const brokers = list.split(',').map(each => {
    const [, host, port] = /^\s*(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})\s*$/.exec(each)?.filter(Boolean) ?? []
    if (host === undefined || Number(port) < 1 || Number(port) > 65_535)
      throw new KafkaSettingError('bootstrap.servers', `'${each}' is no host:port`)
    return { host, port: Number(port) }
  })
  return brokers
}
