import {
  saslAuthenticateV2,
  saslHandshakeV1,
  saslOAuthBearer,
  saslPlain,
  saslScramSha,
} from '@platformatic/kafka'
import type { BrokerSocket } from './broker-socket.ts'
import { errorRule, UnreachableError } from './errors.ts'
import type { SaslSettings } from './settings.ts'

/** Logs in on a fresh connection. Throws `UnreachableError`: with wrong credentials a final one. */
export async function authenticate(
  socket: BrokerSocket,
  sasl: SaslSettings,
  broker: string,
  timeoutMs: number,
): Promise<void> {
  const { mechanism, username, password, token } = sasl
  const refuse = (why: string, cause?: unknown) =>
    new UnreachableError(`Kafka at ${broker} refused the login with ${mechanism}: ${why}`, {
      cause,
      final: true,
    })
  const offered = await socket.call(saslHandshakeV1.api, [mechanism], timeoutMs)
  if (offered.errorCode !== 0) throw refuse(`it takes ${offered.mechanisms.join(', ') || 'no login at all'}`)
  const connection = socket.asConnection(timeoutMs)
  const step = ((
    _connection: unknown,
    bytes: Buffer,
    done: (error: Error | null, answer?: unknown) => void,
  ) => {
    socket.call(saslAuthenticateV2.api, [bytes], timeoutMs).then(answer => {
      if (answer.errorCode === 0) done(null, answer)
      else done(new Error(answer.errorMessage ?? errorRule(answer.errorCode).name))
    }, done)
  }) as unknown as Parameters<typeof saslPlain.authenticate>[0]
  try {
    if (mechanism === 'PLAIN') await saslPlain.authenticate(step, connection, username, password)
    else if (mechanism === 'OAUTHBEARER') await saslOAuthBearer.authenticate(step, connection, token, {})
    else {
      const algorithm = mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512'
      await saslScramSha.authenticate(step, connection, algorithm, username, password)
    }
  } catch (error) {
    const cause = (error as Error).cause
    throw refuse(cause instanceof Error ? cause.message : (error as Error).message, error)
  }
}
