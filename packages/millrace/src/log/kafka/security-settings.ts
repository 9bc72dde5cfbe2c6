import { KafkaSettingError, type Properties } from './properties.ts'
import { NAMES, type Name } from './setting-names.ts'
import { TlsSource } from './tls-source.ts'

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'

export interface SaslSettings {
  readonly mechanism: SaslMechanism
  readonly username: string
  readonly password: string
  /** For OAUTHBEARER; a function is asked again for each connection. */
  readonly token: string | (() => string | Promise<string>)
}

/** How connections are secured. Throws `KafkaSettingError`, also for what has no effect. */
export function securityOf(read: Properties): {
  readonly tls: TlsSource | undefined
  readonly sasl: SaslSettings | undefined
} {
  const protocol =
    read.oneOf('security.protocol', ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']) ?? 'PLAINTEXT'
  const hasTls = protocol.endsWith('SSL')
  const hasLogin = protocol.startsWith('SASL')
  for (const name of NAMES) {
    if (read.raw(name) === undefined) continue
    if (name.startsWith('ssl.') && !hasTls) throw withoutEffect(name, 'SSL or SASL_SSL')
    if (name.startsWith('sasl.') && !hasLogin) throw withoutEffect(name, 'SASL_PLAINTEXT or SASL_SSL')
  }
  return { tls: hasTls ? tlsOf(read) : undefined, sasl: hasLogin ? saslOf(read) : undefined }
}

function withoutEffect(name: Name, protocols: string): KafkaSettingError {
  return new KafkaSettingError(name, `has no effect unless security.protocol is ${protocols}`)
}

function tlsOf(read: Properties): TlsSource {
  const ca = oneSource(read, 'ssl.ca.location', 'ssl.truststore.certificates')
  const certificate = oneSource(read, 'ssl.certificate.location', 'ssl.keystore.certificate.chain')
  const key = oneSource(read, 'ssl.key.location', 'ssl.keystore.key')
  if ((certificate === undefined) !== (key === undefined))
    throw new KafkaSettingError(
      key?.name ?? 'ssl.key.location',
      `goes with ${certificate?.name ?? 'ssl.certificate.location'}, both or neither`,
    )
  const checks = read.oneOf('ssl.endpoint.identification.algorithm', ['https', ''])
  return new TlsSource({
    ca,
    certificate,
    key,
    passphrase: read.text('ssl.key.password'),
    checksHost: checks !== '',
  })
}

/** A PEM text that stands in a file, or is given itself. */
function oneSource(read: Properties, location: Name, value: Name) {
  if (read.raw(location) !== undefined && read.raw(value) !== undefined)
    throw new KafkaSettingError(value, `says the same as ${location}: give one of them`)
  if (read.raw(location) !== undefined) return { name: location, read: () => read.file(location)! }
  if (read.raw(value) === undefined) return undefined
  return { name: value, read: () => read.text(value)! }
}

function saslOf(read: Properties): SaslSettings {
  const mechanism = read.oneOf('sasl.mechanism', ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'])
  if (mechanism === undefined)
    throw new KafkaSettingError(
      'sasl.mechanism',
      'is needed with SASL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER',
    )
  if (mechanism === 'OAUTHBEARER') {
    const token = read.raw('sasl.oauthbearer.token')
    if ((typeof token !== 'string' || token === '') && typeof token !== 'function')
      throw new KafkaSettingError('sasl.oauthbearer.token', 'is needed: a text, or a function that gives one')
    return { mechanism, username: '', password: '', token }
  }
  const [username, password] = [read.text('sasl.username'), read.text('sasl.password')]
  if (username === undefined) throw new KafkaSettingError('sasl.username', `is needed with ${mechanism}`)
  if (password === undefined) throw new KafkaSettingError('sasl.password', `is needed with ${mechanism}`)
  return { mechanism, username, password, token: '' }
}
