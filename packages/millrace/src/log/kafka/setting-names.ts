/** The settings of `kafka: {}`. */
export const NAMES = [
  'bootstrap.servers',
  'client.id',
  'client.rack',
  'security.protocol',
  'sasl.mechanism',
  'sasl.username',
  'sasl.password',
  'sasl.oauthbearer.token',
  'ssl.ca.location',
  'ssl.truststore.certificates',
  'ssl.certificate.location',
  'ssl.keystore.certificate.chain',
  'ssl.key.location',
  'ssl.keystore.key',
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
export type Name = (typeof NAMES)[number]

/** Names that users of other clients try. */
const ELSEWHERE: Readonly<Record<string, Name>> = {
  brokers: 'bootstrap.servers',
  'metadata.broker.list': 'bootstrap.servers',
  'bootstrap.server': 'bootstrap.servers',
  clientId: 'client.id',
  'sasl.mechanisms': 'sasl.mechanism',
  'compression.codec': 'compression.type',
  'ssl.ca.pem': 'ssl.truststore.certificates',
  'ssl.certificate.pem': 'ssl.keystore.certificate.chain',
  'ssl.key.pem': 'ssl.keystore.key',
}

const PEM =
  'is a Java keystore, and Millrace reads PEM: export it (openssl pkcs12 -in store.p12 -nodes) and name the file with '
const KEYSTORE = `${PEM}'ssl.certificate.location' and 'ssl.key.location'`
const TRUSTSTORE = `${PEM}'ssl.ca.location'`
const TOKEN = "is Java's: give 'sasl.oauthbearer.token', a text or a function that gives one"

/** What Java's clients take and this one does not, with what to set instead. */
const JAVAS: Readonly<Record<string, string>> = {
  'sasl.jaas.config':
    "is Java's: give 'sasl.mechanism' with 'sasl.username' and 'sasl.password' (or 'sasl.oauthbearer.token') instead",
  'sasl.login.callback.handler.class': TOKEN,
  'sasl.oauthbearer.token.endpoint.url': TOKEN,
  'ssl.keystore.location': KEYSTORE,
  'ssl.keystore.type': KEYSTORE,
  'ssl.keystore.password': `${KEYSTORE}; a key's own password is 'ssl.key.password'`,
  'ssl.truststore.location': TRUSTSTORE,
  'ssl.truststore.type': TRUSTSTORE,
  'ssl.truststore.password': TRUSTSTORE,
}

/** What is wrong with a name that is none of `NAMES`. */
export function unknownName(name: string): string {
  if (JAVAS[name] !== undefined) return JAVAS[name]
  const plain = name.toLowerCase().replace(/[^a-z]/g, '')
  const meant = ELSEWHERE[name] ?? NAMES.find(known => known.replace(/[^a-z]/g, '') === plain)
  return meant === undefined
    ? `is not known; known are ${NAMES.join(', ')}`
    : `is not known; '${meant}' is meant?`
}
