import type { Commit, CommitResult, Log } from '../../packages/millrace/src/log/log.ts'

/** How a log commits: as it should (or as it should when asked for less), or as the negative controls have it. */
export type CommitMode = 'atomic' | 'at-least-once' | 'positions-first' | 'output-first'

/**
 * Breaks the atomic commit of a log into two durable halves, in the order of `mode`; `between` is called when
 * the first half is in the log and the second is not.
 */
export function splitCommit(log: Log, mode: CommitMode, between: () => void): void {
  if (mode === 'atomic' || mode === 'at-least-once') return
  const commit = log.commit.bind(log)
  const output = async ({ batches }: Commit) => (batches.length > 0 ? log.append(batches) : [])
  const positions = ({ identity, positions }: Commit) => commit({ identity, batches: [], positions })
  const split = async (whole: Commit): Promise<CommitResult> => {
    if (mode === 'positions-first') {
      await positions(whole)
      between()
      return { baseOffsets: await output(whole) }
    }
    const baseOffsets = await output(whole)
    between()
    await positions(whole)
    return { baseOffsets }
  }
  Object.assign(log, { commit: split })
}
