/** What a broker for tests needs to have secured listeners beside its plain one. */
import type { Certificate, Certificates } from './certificates.ts'

/** Listeners by name, with what a client sees there. */
export const SECURED_LISTENERS = {
  /** TLS; a client may show a certificate. */
  SSL: 'SSL',
  /** TLS; a client has to show a certificate. */
  MTLS: 'SSL',
  /** TLS with a certificate that has run out. */
  EXPIRED: 'SSL',
  /** TLS with a certificate for another host. */
  ELSEWHERE: 'SSL',
  SASL_PLAINTEXT: 'SASL_PLAINTEXT',
  SASL_SSL: 'SASL_SSL',
  /** A login is good for `SHORT_SESSION_MS` only. */
  SHORT: 'SASL_PLAINTEXT',
} as const
export type SecuredListener = keyof typeof SECURED_LISTENERS

export const SHORT_SESSION_MS = 3000
/** Who may log in with PLAIN and SCRAM, with their passwords. Nobody but the plain listener's users may do everything. */
export const USERS: Readonly<Record<string, string>> = {
  ada: 'the secret of ada',
  bob: 'the secret of bob',
}
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const

/** Settings of a broker that has all of these listeners, and checks rights. */
export function securedProperties(certificates: Certificates): Record<string, string | number> {
  const settings: Record<string, string | number> = {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found': 'false',
    'sasl.enabled.mechanisms': MECHANISMS.join(','),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': certificates.authority,
  }
  const listeners = Object.entries(SECURED_LISTENERS) as [SecuredListener, string][]
  for (const [name, protocol] of listeners) {
    const prefix = `listener.name.${name.toLowerCase()}`
    if (protocol.endsWith('SSL')) {
      settings[`${prefix}.ssl.keystore.type`] = 'PEM'
      settings[`${prefix}.ssl.keystore.location`] = certificateOf(name, certificates).keystore
      settings[`${prefix}.ssl.client.auth`] = name === 'MTLS' ? 'required' : 'requested'
    }
    if (protocol.startsWith('SASL')) Object.assign(settings, logins(prefix))
  }
  for (const mechanism of MECHANISMS)
    settings[`listener.name.short.${mechanism.toLowerCase()}.connections.max.reauth.ms`] = SHORT_SESSION_MS
  return settings
}

function certificateOf(name: SecuredListener, certificates: Certificates): Certificate {
  if (name === 'EXPIRED') return certificates.expired
  return name === 'ELSEWHERE' ? certificates.elsewhere : certificates.server
}

function logins(prefix: string): Record<string, string> {
  const security = 'org.apache.kafka.common.security'
  const users = Object.entries(USERS).map(([user, password]) => `user_${user}="${password}"`)
  const modules: Record<(typeof MECHANISMS)[number], string> = {
    PLAIN: `${security}.plain.PlainLoginModule required ${users.join(' ')};`,
    'SCRAM-SHA-256': `${security}.scram.ScramLoginModule required;`,
    'SCRAM-SHA-512': `${security}.scram.ScramLoginModule required;`,
    OAUTHBEARER: `${security}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  }
  return Object.fromEntries(
    Object.entries(modules).map(([mechanism, module]) => [
      `${prefix}.${mechanism.toLowerCase()}.sasl.jaas.config`,
      module,
    ]),
  )
}

/** What the storage tool makes the users of SCRAM from. */
export function scramArguments(): string[] {
  return Object.entries(USERS).flatMap(([user, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap(mechanism => [
      '--add-scram',
      `${mechanism}=[name=${user},password=${password}]`,
    ]),
  )
}

/** A token that the broker takes without a signature: tests have no authority to sign it. */
export function unsecuredToken(subject: string, forMs: number, nowMs = Date.now()): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { sub: subject, iat: nowMs / 1000, exp: (nowMs + forMs) / 1000 }
  return `${part({ alg: 'none' })}.${part(claims)}.`
}
