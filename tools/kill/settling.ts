import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import { placeText, positions } from './lag.ts'

const pollMs = 200
/** The end must be seen so often: what is processed now may write to what is read next. */
const looks = 5
/** Longer than sessions, transactions and a broker's absence last, one after the other. */
const standstillMs = 120_000

/**
 * Resolves when everything that was written is processed and committed. Throws when no position moves any more, naming those that are
 * behind: how long the whole takes is a matter of the machine.
 */
export async function settled(log: Log): Promise<void> {
  let [sum, movedMs] = [-1, performance.now()]
  for (let quiet = 0; quiet < looks; ) {
    const all = await positions(log)
    const late = all.filter(({ at, end }) => at !== end)
    const now = all.reduce((total, { at }) => total + at, 0)
    if (now !== sum) [sum, movedMs] = [now, performance.now()]
    quiet = late.length === 0 ? quiet + 1 : 0
    if (late.length > 0 && performance.now() - movedMs > standstillMs)
      throw new Error(`No position has moved for ${standstillMs / 1000} s: ${late.map(placeText).join(', ')}`)
    await sleep(pollMs)
  }
}
