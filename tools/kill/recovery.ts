import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import { groupName } from '../../packages/millrace/src/plan/names.ts'
import { appName, readings } from './pipelines.ts'
import { quantiles } from './quantiles.ts'

const pollMs = 20
const giveUpMs = 30_000

/** Measures how long after a death the partitions of the dead have commits again, all of them. */
export class Recovery {
  readonly timesMs: number[] = []
  /** Deaths of members that had no partition, or whose partitions did not move before the measuring ended. */
  unmeasured = 0
  readonly #log: Log
  readonly #watches = new Set<Promise<void>>()
  #ended = false

  constructor(log: Log) {
    this.#log = log
  }

  /** To be called just before the process is killed. */
  async watch(pid: number, died: () => Promise<void>): Promise<void> {
    const group = groupName(appName, 'copy')
    // A log that cannot be asked now must not spare the victim.
    const info = await this.#log.describeGroup(group).catch(() => undefined)
    const owned = (info?.members.find(member => member.pid === pid)?.assignment ?? []).filter(
      ({ topic }) => topic === readings.name,
    )
    await died()
    const diedMs = performance.now()
    const before = await this.#log.committed(group, owned).catch(() => undefined)
    if (owned.length === 0 || before === undefined) this.unmeasured++
    else {
      const watch = this.#follow(group, before, diedMs).finally(() => this.#watches.delete(watch))
      this.#watches.add(watch)
    }
  }

  async #follow(group: string, before: Awaited<ReturnType<Log['committed']>>, diedMs: number): Promise<void> {
    while (!this.#ended && performance.now() - diedMs < giveUpMs) {
      const now = await this.#log.committed(group, before).catch(() => [])
      const moved = before.every(({ partition, offset }) =>
        now.some(each => each.partition === partition && each.offset > offset),
      )
      if (moved) {
        this.timesMs.push(performance.now() - diedMs)
        return
      }
      await sleep(pollMs)
    }
    this.unmeasured++
  }

  async end(): Promise<void> {
    this.#ended = true
    await Promise.all(this.#watches)
  }

  toString(): string {
    return quantiles(this.timesMs, 'no recovery measured')
  }
}
