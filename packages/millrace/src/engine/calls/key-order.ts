import type { PendingCall } from './async-step.ts'

/** Lets the results of each key leave in the order of their records (SEMANTICS 7.4). Records without a key have none. */
export class KeyOrder {
  /** By key and kind: what waits, in order. */
  readonly #lanes = new Map<string, PendingCall[]>()

  add(call: PendingCall): void {
    const name = laneOf(call)
    if (name === undefined) return
    const lane = this.#lanes.get(name)
    if (lane === undefined) this.#lanes.set(name, [call])
    else lane.push(call)
  }

  /** A call has its result: gives those that may leave now, in their order. */
  settled(call: PendingCall): PendingCall[] {
    const name = laneOf(call)
    const lane = name === undefined ? undefined : this.#lanes.get(name)
    if (lane === undefined) return [call]
    const count = lane.findIndex(({ outcome }) => outcome === undefined)
    const free = lane.splice(0, count < 0 ? lane.length : count)
    if (lane.length === 0) this.#lanes.delete(name!)
    return free
  }
}

function laneOf({ record: { key, kind } }: PendingCall): string | undefined {
  return key && `${kind}:${key.toString('latin1')}`
}
