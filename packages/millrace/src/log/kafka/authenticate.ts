import { saslAuthenticateV2, saslHandshakeV1, saslScramSha } from '@platformatic/kafka'
import type { Clock } from '../../std/clock.ts'
import type { BrokerSocket } from './broker-socket.ts'
import { AmbiguousError, errorRule, UnreachableError } from './errors.ts'
import type { SaslSettings } from './security-settings.ts'

export interface LoginOptions {
  readonly sasl: SaslSettings
  /** `host:port`, for messages. */
  readonly broker: string
  readonly timeoutMs: number
  readonly clock: Clock
}

type Answer = { readonly authBytes: Buffer; readonly sessionLifetimeMs: bigint }

/** The broker's own word that it does not let us in. */
class RefusedError extends Error {
  override readonly name = 'RefusedError'
}

/**
 * Logs in on a fresh connection. Gives for how many ms the login is good (KIP-368), 0 for ever. Throws `UnreachableError`: a final
 * one when the broker refuses the login.
 */
export async function authenticate(socket: BrokerSocket, options: LoginOptions): Promise<number> {
  const { sasl, broker, timeoutMs } = options
  const { mechanism } = sasl
  let sessionMs = 0
  const step = async (bytes: Buffer): Promise<Answer> => {
    const answer = await socket.call(saslAuthenticateV2.api, [bytes], timeoutMs)
    if (answer.errorCode !== 0)
      throw new RefusedError(answer.errorMessage ?? errorRule(answer.errorCode).name)
    sessionMs = Number(answer.sessionLifetimeMs)
    return answer
  }
  try {
    const offered = await socket.call(saslHandshakeV1.api, [mechanism], timeoutMs)
    if (offered.errorCode !== 0)
      throw new RefusedError(
        `'sasl.mechanism' has to be one of ${offered.mechanisms.join(', ') || 'none at all'}`,
      )
    if (mechanism === 'PLAIN') await step(Buffer.from(`\0${sasl.username}\0${sasl.password}`))
    else if (mechanism === 'OAUTHBEARER') await bear(step, await tokenOf(options))
    else await scram(step, socket, options)
  } catch (error) {
    throw loginError(error as Error, mechanism, broker)
  }
  return sessionMs
}

function loginError(error: Error, mechanism: string, broker: string): UnreachableError {
  const refused = [error, error.cause].find(each => each instanceof RefusedError)
  if (refused !== undefined)
    return new UnreachableError(
      `Kafka at ${broker} refused the login with ${mechanism}: ${refused.message}`,
      {
        cause: error,
        final: true,
        wayOut: `'sasl.mechanism' and what goes with ${mechanism} in kafka: {}, or the user in Kafka`,
      },
    )
  const broken = [error, error.cause].find(each => each instanceof AmbiguousError)
  return new UnreachableError(
    `The login with ${mechanism} at ${broker} did not succeed: ${(broken ?? error).message}`,
    { cause: error },
  )
}

/** A token that is not taken is answered with why, and refused only after the client has had its say (RFC 7628, 3.2.3). */
async function bear(step: (bytes: Buffer) => Promise<Answer>, token: string): Promise<void> {
  const answer = await step(Buffer.from(`n,,\x01auth=Bearer ${token}\x01\x01`))
  if (answer.authBytes.length === 0) return
  await step(Buffer.from('\x01'))
  throw new RefusedError(answer.authBytes.toString())
}

async function tokenOf({ sasl, timeoutMs, clock }: LoginOptions): Promise<string> {
  if (typeof sasl.token === 'string') return sasl.token
  const late = Promise.withResolvers<never>()
  const cancel = clock.after(timeoutMs, () => late.reject(new Error(`no token came within ${timeoutMs} ms`)))
  try {
    const token = await Promise.race([sasl.token(), late.promise])
    if (typeof token === 'string' && token !== '') return token
  } catch (cause) {
    throw new Error(`'sasl.oauthbearer.token' failed: ${(cause as Error).message}`, { cause })
  } finally {
    cancel()
  }
  throw new Error("'sasl.oauthbearer.token' gave no text")
}

async function scram(
  step: (bytes: Buffer) => Promise<Answer>,
  socket: BrokerSocket,
  { sasl, timeoutMs }: LoginOptions,
): Promise<void> {
  const algorithm = sasl.mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512'
  const call = (_: unknown, bytes: Buffer, done: (error: Error | null, answer?: unknown) => void) => {
    step(bytes).then(answer => done(null, answer), done)
  }
  await saslScramSha.authenticate(
    call as unknown as Parameters<typeof saslScramSha.authenticate>[0],
    socket.asConnection(timeoutMs),
    algorithm,
    sasl.username,
    sasl.password,
  )
}
