import type { Socket } from 'node:net'
import { type Clock, systemClock } from '../../../std/clock.ts'
import { type Dial, systemDial } from '../dial.ts'

/** Surroundings that stand still at will: no timer fires and no byte arrives, while the time goes on, as under SIGSTOP. */
export interface Freezable {
  readonly clock: Clock
  readonly dial: Dial
  freeze(): void
  thaw(): void
}

export function freezable(): Freezable {
  const sockets = new Set<Socket>()
  const connect = systemDial(undefined)
  let isFrozen = false
  let held: (() => void)[] = []
  const clock: Clock = {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic(),
    after: (ms, callback) => {
      let isCancelled = false
      const run = () => {
        if (!isCancelled) callback()
      }
      const cancel = systemClock.after(ms, () => {
        if (isFrozen) held.push(run)
        else run()
      })
      return () => {
        isCancelled = true
        cancel()
      }
    },
  }
  return {
    clock,
    dial: options => {
      const socket = connect(options)
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      if (isFrozen) socket.pause()
      return socket
    },
    freeze: () => {
      isFrozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw: () => {
      isFrozen = false
      const due = held
      held = []
      for (const socket of sockets) socket.resume()
      for (const run of due) run()
    },
  }
}
