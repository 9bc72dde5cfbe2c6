import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 100

/** Asks again and again until it is so; what cannot be asked is not so yet. */
export async function until(
  withinMs: number,
  otherwise: () => string,
  isSo: () => Promise<boolean>,
): Promise<void> {
  const untilMs = performance.now() + withinMs
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > untilMs) throw new Error(`${otherwise()} within ${withinMs / 1000} s`)
    await sleep(pollMs)
  }
}
