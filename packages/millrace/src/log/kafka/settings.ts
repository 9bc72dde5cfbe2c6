import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'

export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'

export interface SaslSettings {
  readonly mechanism: SaslMechanism
  readonly username: string
  readonly password: string
  /** For OAUTHBEARER; a function is asked again for each connection. */
  readonly token: string | (() => string | Promise<string>)
}

export interface KafkaSettings {
  readonly brokers: readonly { readonly host: string; readonly port: number }[]
  readonly clientId: string
  readonly rack: string
  readonly tls: ConnectionOptions | undefined
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

/** What `kafka: {}` takes: Kafka's own names. */
export type KafkaProperties = Readonly<
  Record<string, string | number | boolean | (() => string | Promise<string>)>
>

/** A setting of `kafka: {}` that is unknown or makes no sense; the message names it. */
export class KafkaSettingError extends Error {
  override readonly name = 'KafkaSettingError'
  readonly setting: string
  constructor(setting: string, problem: string) {
    super(`kafka setting '${setting}': ${problem}`)
    this.setting = setting
  }
}

const NAMES = [
  'bootstrap.servers',
  'client.id',
  'client.rack',
  'security.protocol',
  'sasl.mechanism',
  'sasl.username',
  'sasl.password',
  'sasl.oauthbearer.token',
  'ssl.ca.location',
  'ssl.certificate.location',
  'ssl.key.location',
  'ssl.key.password',
  'ssl.endpoint.identification.algorithm',
  'compression.type',
  'replication.factor',
  'min.insync.replicas',
  'transaction.timeout.ms',
  'request.timeout.ms',
  'socket.connection.setup.timeout.ms',
  'delivery.timeout.ms',
  'retry.backoff.ms',
  'metadata.max.age.ms',
] as const
type Name = (typeof NAMES)[number]

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
    ...security(read),
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

class Properties {
  readonly #given: KafkaProperties
  constructor(given: KafkaProperties) {
    this.#given = given
  }

  raw(name: Name): KafkaProperties[string] | undefined {
    return this.#given[name]
  }

  text(name: Name): string | undefined {
    const value = this.#given[name]
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value === '') throw new KafkaSettingError(name, 'a text is expected')
    return value
  }

  whole(name: Name, min: number): number | undefined {
    const value = this.#given[name]
    if (value === undefined) return undefined
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < min || number > 0x7fffffff)
      throw new KafkaSettingError(name, `'${value}' is no whole number of at least ${min}`)
    return number
  }

  oneOf<T extends string>(name: Name, values: readonly T[]): T | undefined {
    const value = this.#given[name]
    if (value === undefined) return undefined
    if (!values.includes(value as T))
      throw new KafkaSettingError(name, `'${value}' is none of ${values.join(', ')}`)
    return value as T
  }

  /** The content of the file that is named. */
  file(name: Name): Buffer | undefined {
    const path = this.text(name)
    if (path === undefined) return undefined
    try {
      return readFileSync(path)
    } catch (cause) {
      throw new KafkaSettingError(name, `cannot be read: ${(cause as Error).message}`)
    }
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

function security(read: Properties): Pick<KafkaSettings, 'tls' | 'sasl'> {
  const protocol =
    read.oneOf('security.protocol', ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']) ?? 'PLAINTEXT'
  const needs = (name: Name, when: string) => {
    if (read.raw(name) !== undefined)
      throw new KafkaSettingError(name, `has no effect unless security.protocol is ${when}`)
  }
  if (!protocol.endsWith('SSL'))
    for (const name of NAMES) if (name.startsWith('ssl.')) needs(name, 'SSL or SASL_SSL')
  if (!protocol.startsWith('SASL'))
    for (const name of NAMES) if (name.startsWith('sasl.')) needs(name, 'SASL_PLAINTEXT or SASL_SSL')
  return {
    tls: protocol.endsWith('SSL') ? tlsOf(read) : undefined,
    sasl: protocol.startsWith('SASL') ? saslOf(read) : undefined,
  }
}

function tlsOf(read: Properties): ConnectionOptions {
  const [ca, cert, key] = [
    read.file('ssl.ca.location'),
    read.file('ssl.certificate.location'),
    read.file('ssl.key.location'),
  ]
  if ((cert === undefined) !== (key === undefined))
    throw new KafkaSettingError('ssl.key.location', 'goes with ssl.certificate.location, both or neither')
  const passphrase = read.text('ssl.key.password')
  const noNames = read.raw('ssl.endpoint.identification.algorithm') === ''
  return {
    ...(ca && { ca }),
    ...(cert && { cert, key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(noNames && { checkServerIdentity: () => undefined }),
  }
}

function saslOf(read: Properties): SaslSettings {
  const mechanism = read.oneOf('sasl.mechanism', ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'])
  if (mechanism === undefined) throw new KafkaSettingError('sasl.mechanism', 'is needed with SASL')
  if (mechanism === 'OAUTHBEARER') {
    const token = read.raw('sasl.oauthbearer.token')
    if (typeof token !== 'string' && typeof token !== 'function')
      throw new KafkaSettingError('sasl.oauthbearer.token', 'is needed: a text, or a function that gives one')
    return { mechanism, username: '', password: '', token }
  }
  const [username, password] = [read.text('sasl.username'), read.text('sasl.password')]
  if (username === undefined) throw new KafkaSettingError('sasl.username', `is needed with ${mechanism}`)
  if (password === undefined) throw new KafkaSettingError('sasl.password', `is needed with ${mechanism}`)
  return { mechanism, username, password, token: '' }
}

/** Names that users of other clients try. */
const ELSEWHERE: Readonly<Record<string, Name>> = {
  brokers: 'bootstrap.servers',
  'metadata.broker.list': 'bootstrap.servers',
  'bootstrap.server': 'bootstrap.servers',
  clientId: 'client.id',
  'sasl.mechanisms': 'sasl.mechanism',
  'compression.codec': 'compression.type',
  'ssl.truststore.location': 'ssl.ca.location',
  'ssl.keystore.location': 'ssl.certificate.location',
}

function unknownName(name: string): string {
  const plain = name.toLowerCase().replace(/[^a-z]/g, '')
  const meant = ELSEWHERE[name] ?? NAMES.find(known => known.replace(/[^a-z]/g, '') === plain)
  return meant === undefined
    ? `is not known; known are ${NAMES.join(', ')}`
    : `is not known; '${meant}' is meant?`
}
