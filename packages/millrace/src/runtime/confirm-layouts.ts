import { LogError } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'
import { Backoff, isRetriable } from './backoff.ts'

/** Nobody waits longer for an answer that may be lost. */
const attemptMs = 15_000

/** Confirms until it is done or not wanted any more; a log that cannot be reached, or does not answer, is asked again. Throws what no repetition changes. */
export async function confirmWhenReachable(
  clock: Clock,
  confirm: () => Promise<void>,
  isWanted: () => boolean,
): Promise<void> {
  const backoff = new Backoff(clock)
  while (isWanted()) {
    try {
      return await answered(clock, confirm())
    } catch (error) {
      if (!isRetriable(error)) throw error
      await backoff.wait()
    }
  }
}

async function answered(clock: Clock, work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const cancel = clock.after(attemptMs, () =>
    reject(new LogError('unavailable', `No answer within ${attemptMs} ms`, { retriable: true })),
  )
  try {
    await Promise.race([work, promise])
  } finally {
    cancel()
    work.catch(() => {})
  }
}
