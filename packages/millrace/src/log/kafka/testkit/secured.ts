import { hasOpenssl } from '../../../../../../tools/kafka/certificates.ts'
import type { SecuredCluster } from '../../../../../../tools/kafka/cluster.ts'
import { SECURED_LISTENERS, type SecuredListener, USERS } from '../../../../../../tools/kafka/security.ts'
import type { KafkaProperties } from '../settings.ts'
import { isWithoutJava } from './java-client.ts'

/** Why no secured broker can be started here, or false. */
export const isWithoutSecured: string | false =
  isWithoutJava || (hasOpenssl() ? false : 'openssl is not on the path')

/** How a client reaches a listener; `more` goes before what stands here. */
export function clientOf(
  cluster: SecuredCluster,
  listener: SecuredListener,
  more: KafkaProperties = {},
): { brokers: string; kafka: KafkaProperties } {
  const protocol = SECURED_LISTENERS[listener]
  return {
    brokers: cluster.listeners[listener],
    kafka: {
      'security.protocol': protocol,
      ...(protocol.endsWith('SSL') && { 'ssl.ca.location': cluster.certificates.authority }),
      ...more,
    },
  }
}

/** The login of a user by password. */
export function loginOf(user: string, mechanism = 'PLAIN', password = USERS[user]!): KafkaProperties {
  return { 'sasl.mechanism': mechanism, 'sasl.username': user, 'sasl.password': password }
}
