import { type Commit, CommitError, type Log } from '../../log/log.ts'

/** How far a commit came that was not one. */
export type Torn = 'outputs' | 'outputs and changelog'

/**
 * `log` as one that takes the leave that at-least-once gives: of the commits that `isTorn` names, outputs, or outputs and changelog,
 * stay in the log, and the positions do not follow.
 */
export function withTornCommits(log: Log, isTorn: (commit: Commit, nth: number) => Torn | undefined): Log {
  let commits = 0
  const commit = async (commit: Commit) => {
    const { atLeastOnce, batches } = commit
    const torn = atLeastOnce && isTorn(commit, commits++)
    if (torn === undefined) return log.commit(commit)
    await log.append(torn === 'outputs' ? batches.slice(0, atLeastOnce!.outputs) : batches)
    throw new CommitError('aborted', `The test has torn this commit behind its ${torn}`)
  }
  return new Proxy(log, {
    get: (target, name) => {
      if (name === 'commit') return commit
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
