import { UnreachableError } from './errors.ts'

/** How a broken connection looked from here. */
export interface Failure {
  readonly broker: string
  readonly isTls: boolean
  readonly cause: Error
}

const TLS_FILES = "'ssl.certificate.location' with 'ssl.key.location' in kafka: {}"
const NO_TLS = 'no TLS is spoken there'
const PLAIN =
  "'security.protocol' PLAINTEXT (SASL_PLAINTEXT with a login) in kafka: {}, or the port that has TLS"
const SECURE = "'security.protocol' SSL (SASL_SSL with a login) in kafka: {}"
const UNTRUSTED = 'its certificate is signed by nobody who is trusted here'
const AUTHORITY = "'ssl.ca.location' in kafka: {}, with the certificate of the authority"
const ADDRESS = 'the address (--brokers, MILLRACE_BROKERS, brokers in the configuration); do the brokers run?'

interface Meaning {
  readonly why?: string
  readonly wayOut?: string
  /** Nothing of it passes by itself. */
  readonly isFinal: boolean
}

const final = (why: string, wayOut: string): Meaning => ({ why, wayOut, isFinal: true })
const passing = (why: string, wayOut = ADDRESS): Meaning => ({ why, wayOut, isFinal: false })

/** What an error code of the connection says. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  CERT_HAS_EXPIRED: final('its certificate has expired', 'a new certificate for the broker'),
  CERT_NOT_YET_VALID: final('its certificate is not valid yet', 'compare the clocks'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: final(UNTRUSTED, AUTHORITY),
  UNABLE_TO_GET_ISSUER_CERT: final(UNTRUSTED, AUTHORITY),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: final(UNTRUSTED, AUTHORITY),
  SELF_SIGNED_CERT_IN_CHAIN: final(UNTRUSTED, AUTHORITY),
  DEPTH_ZERO_SELF_SIGNED_CERT: final(UNTRUSTED, AUTHORITY),
  CERT_SIGNATURE_FAILURE: final(UNTRUSTED, AUTHORITY),
  ERR_TLS_CERT_ALTNAME_INVALID: final(
    'its certificate is for another host',
    "a host name that the certificate holds, or 'ssl.endpoint.identification.algorithm': '' where that is safe",
  ),
  ERR_SSL_WRONG_VERSION_NUMBER: final(NO_TLS, PLAIN),
  ERR_SSL_PACKET_LENGTH_TOO_LONG: final(NO_TLS, PLAIN),
  ENOTFOUND: passing('no such host is known'),
  EAI_AGAIN: passing('its name could not be looked up now'),
  ECONNREFUSED: passing('nobody listens there'),
  EHOSTUNREACH: passing('no way leads to this host'),
  ENETUNREACH: passing('no way leads to this network'),
}
/** What a broker says that does not take our certificate, or misses it. */
const CERTIFICATE_ALERT =
  /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED|NO_CERT)/

/** The error of a connection that was never of use, with what most likely is wrong and what to set. */
export function connectionFailure({ broker, isTls, cause }: Failure): UnreachableError {
  const said = wordsOf(cause)
  const { why, wayOut, isFinal } = meaning(cause, isTls)
  const text = why === undefined ? said : `${why} (${said})`
  return new UnreachableError(`Kafka at ${broker} cannot be reached: ${text}`, {
    cause,
    final: isFinal,
    ...(wayOut !== undefined && { wayOut }),
  })
}

/** Of what OpenSSL says, with its files and lines, the reason alone. */
function wordsOf(cause: Error): string {
  const said = cause.message || codeOf(cause) || 'it broke'
  return /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(said)?.[1] ?? said
}

function meaning(cause: Error, isTls: boolean): Meaning {
  const code = codeOf(cause)
  if (MEANINGS[code] !== undefined) return MEANINGS[code]
  if (code.startsWith('ERR_SSL'))
    return CERTIFICATE_ALERT.test(code)
      ? final('it wants a certificate that it trusts', TLS_FILES)
      : { isFinal: true }
  if (cause instanceof NoKafkaError) return { isFinal: true, wayOut: cause.wayOut }
  const isCut = code === 'ECONNRESET' || cause.message === CLOSED
  if (!isCut) return { isFinal: false, wayOut: ADDRESS }
  return isTls
    ? passing('it broke TLS off, as a port without TLS does', PLAIN)
    : passing('a port with TLS does that to who speaks plainly, and so do other servers', SECURE)
}

function codeOf(error: Error): string {
  return (error as { code?: string }).code ?? ''
}

/** The other side closed the connection. */
export const CLOSED = 'the connection was closed'

/** What was read is no answer of a broker. */
class NoKafkaError extends Error {
  override readonly name = 'NoKafkaError'
  readonly wayOut: string
  constructor(message: string, wayOut: string) {
    super(message)
    this.wayOut = wayOut
  }
}

/** The first two bytes of TLS that has something against us; as a length that would be 352 MB. */
export const TLS_ALERT = 0x1503
const HTTP = 0x48545450

/** For a length that no answer has: what it says of who answers. */
export function noKafka(length: number): NoKafkaError {
  if (length >>> 16 === TLS_ALERT) return new NoKafkaError('it speaks TLS', SECURE)
  if (length === HTTP) return new NoKafkaError('it speaks HTTP: that is no Kafka', ADDRESS)
  const text = `it answered with a length of ${length}: that is no Kafka, or TLS on one side only`
  return new NoKafkaError(text, ADDRESS)
}
