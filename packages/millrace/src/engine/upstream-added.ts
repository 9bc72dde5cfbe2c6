import { TaskStopped } from './failures.ts'

/** A re-keyed record comes from a task that the one reading it was not made for: its topic has more partitions now (SEMANTICS 5.9). */
export class UpstreamAdded extends TaskStopped {
  /** The name it signs its markers with. */
  readonly upstream: string

  constructor(upstream: string, place: string) {
    super(
      `${place} has records of the task ${upstream}, which this pipeline cannot have: other code has written there. ` +
        'Start the pipeline under another name, or with --reset',
    )
    this.upstream = upstream
  }
}
