import { readFileSync } from 'node:fs'
import type { Clock } from '../std/clock.ts'
import { ExitCode } from './exit-codes.ts'
import type { Interrupt } from './interrupt.ts'

const EVERY_MS = 500

/** The parent of a process by its id, undefined where that cannot be known. */
export type ParentOf = (pid: number) => number | undefined

/** Reads it from /proc, where there is one. */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; state and parent follow it.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}

/**
 * Asks for a stop when the parent, or its parent (npm starts a shell that starts us), is gone: then nobody is
 * left who could send a signal. Gives a function that ends the watch.
 */
export function watchParent(
  clock: Clock,
  interrupt: Interrupt,
  ownParent: () => number,
  parent: ParentOf = parentOf,
): () => void {
  const first = ownParent()
  const second = parent(first)
  let cancel = () => {}
  const look = () => {
    if (ownParent() !== first || parent(first) !== second) interrupt.request(ExitCode.terminated)
    else cancel = clock.after(EVERY_MS, look)
  }
  cancel = clock.after(EVERY_MS, look)
  return () => cancel()
}
