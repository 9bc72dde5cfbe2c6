import { UnreachableError } from './errors.ts'

/** How a broken connection looked from here. */
export interface Failure {
  readonly broker: string
  readonly isTls: boolean
  readonly cause: Error
}

const HOST = 'ssl.endpoint.identification.algorithm'
const OURS = "'ssl.certificate.location' with 'ssl.key.location'"
const NO_TLS =
  "no TLS is spoken there: another port, or 'security.protocol' is PLAINTEXT (SASL_PLAINTEXT with a login)"
const UNTRUSTED =
  "its certificate is signed by nobody who is trusted here: name the certificate of its authority with 'ssl.ca.location'"

/** What an error code of the connection says, where its own words do not; nothing of it passes by itself. */
const FINAL: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired: the broker needs a new one',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
}
const PASSING: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host is known',
  EAI_AGAIN: 'its name could not be looked up now',
  ECONNREFUSED: 'nobody listens there',
  EHOSTUNREACH: 'no way leads to this host',
  ENETUNREACH: 'no way leads to this network',
}
/** What a broker says that does not take our certificate, or misses it. */
const CERTIFICATE_ALERT =
  /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)|ALERT_NO_CERT/

/** The error of a connection that was never of use, with what most likely is wrong and what to set. */
export function connectionFailure({ broker, isTls, cause }: Failure): UnreachableError {
  const said = cause.message || (cause as { code?: string }).code || 'it broke'
  const { why, isFinal } = meaning(cause, isTls)
  const text = why === undefined ? said : `${why} (${said})`
  return new UnreachableError(`Kafka at ${broker} cannot be reached: ${text}`, { cause, final: isFinal })
}

function meaning(cause: Error, isTls: boolean): { readonly why?: string; readonly isFinal: boolean } {
  const code = codeOf(cause)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      why: `its certificate is for another host: use a name that it holds, or set '${HOST}' to '' where that is safe`,
      isFinal: true,
    }
  if (FINAL[code] !== undefined) return { why: FINAL[code], isFinal: true }
  if (PASSING[code] !== undefined) return { why: PASSING[code], isFinal: false }
  if (/^ERR_SSL/.test(code) && CERTIFICATE_ALERT.test(code))
    return { why: `it wants a certificate that it trusts: ${OURS}`, isFinal: true }
  if (/^ERR_SSL/.test(code)) return { isFinal: true }
  const isCut = code === 'ECONNRESET' || cause.message === CLOSED
  if (isCut && isTls) return { why: `it broke TLS off; perhaps ${NO_TLS}`, isFinal: false }
  if (isCut)
    return {
      why: "a port with TLS does that to who speaks plainly ('security.protocol' SSL or SASL_SSL), and so do other servers",
      isFinal: false,
    }
  return { isFinal: cause instanceof NoKafkaError }
}

function codeOf(error: Error): string {
  return (error as { code?: string }).code ?? ''
}

/** The other side closed the connection. */
export const CLOSED = 'the connection was closed'

/** What was read is no answer of a broker. */
class NoKafkaError extends Error {
  override readonly name = 'NoKafkaError'
}

/** The first two bytes of TLS that has something against us; as a length that would be 352 MB. */
export const TLS_ALERT = 0x1503
const HTTP = 0x48545450

/** For a length that no answer has: what it says of who answers. */
export function noKafka(length: number): NoKafkaError {
  if (length >>> 16 === TLS_ALERT)
    return new NoKafkaError("it speaks TLS: 'security.protocol' has to be SSL (SASL_SSL with a login)")
  if (length === HTTP) return new NoKafkaError('it speaks HTTP: that is no Kafka')
  return new NoKafkaError(`it answered with a length of ${length}: that is no Kafka, or TLS on one side only`)
}
