/** What a metric is called and means; docs/KAFKA.md has the same as a table, and a test holds the two together. */
export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
}

const counter = (name: string, labels: string, help: string) => family('counter', name, labels, help)
const gauge = (name: string, labels: string, help: string) => family('gauge', name, labels, help)

function family(type: Family['type'], name: string, labels: string, help: string): Family {
  return { type, name, labels: labels === '' ? [] : labels.split(' '), help }
}

const task = 'pipeline task'
const input = 'pipeline task topic partition'
const step = 'pipeline task step'

/** Every metric there is. */
export const FAMILIES = {
  info: gauge('millrace_info', 'app log', 'Always 1; the labels say what runs.'),
  ready: gauge(
    'millrace_ready',
    '',
    '1 when every pipeline has joined, has restored its state and has not failed.',
  ),
  taskRecords: counter('millrace_task_records_total', task, 'Records read from the inputs.'),
  taskBytes: counter('millrace_task_bytes_total', task, 'Bytes of the record batches read.'),
  taskOutputRecords: counter(
    'millrace_task_output_records_total',
    task,
    'Records committed to topics, re-keyed ones and their markers included.',
  ),
  taskOutputBytes: counter(
    'millrace_task_output_bytes_total',
    task,
    'Bytes of the record batches committed to topics.',
  ),
  taskChangelogBytes: counter(
    'millrace_task_changelog_bytes_total',
    task,
    'Bytes of state changes committed.',
  ),
  taskLate: counter('millrace_task_late_records_total', task, 'Records that came too late.'),
  taskLateByRelease: counter(
    'millrace_task_late_by_release_records_total',
    task,
    'Those of the late ones that an idle partition made late.',
  ),
  taskRejected: counter('millrace_task_rejected_records_total', task, 'Records that could not be read.'),
  taskFailed: counter('millrace_task_failed_records_total', task, 'Records for which a callback failed.'),
  taskParked: gauge(
    'millrace_task_parked',
    task,
    '1 while the task waits for the next attempt of a failed call.',
  ),
  taskWatermark: gauge(
    'millrace_task_watermark_seconds',
    task,
    'Event time that the task has reached, since the epoch; absent before the first record.',
  ),
  taskBehind: gauge('millrace_task_event_time_behind_seconds', task, 'How far that lies behind the clock.'),
  inputLag: gauge(
    'millrace_input_lag_records',
    input,
    'Records between what is processed and the end of the partition.',
  ),
  inputAge: gauge(
    'millrace_input_oldest_unprocessed_seconds',
    input,
    'Age of the oldest record that is not processed, by its own time; 0 when there is none.',
  ),
  inputPaused: gauge(
    'millrace_input_paused',
    input,
    '1 while the partition is not read further, for it is more than `maxDrift` ahead of the slowest one.',
  ),
  callsWaiting: gauge(
    'millrace_step_calls_waiting',
    step,
    'Records of an `asyncMap` that wait for their results.',
  ),
  callsOldest: gauge('millrace_step_calls_oldest_seconds', step, 'How long the oldest of them has waited.'),
  calls: counter('millrace_step_calls_total', step, 'Calls made, those that were made again included.'),
  callRetries: counter('millrace_step_call_retries_total', step, 'Calls made again after one that failed.'),
  callFailures: counter('millrace_step_call_failures_total', step, 'Records whose calls failed for good.'),
  stepRows: gauge('millrace_step_rows', step, 'Rows of state in memory.'),
  stepBytes: gauge('millrace_step_bytes', step, 'Memory of the state.'),
  commits: counter(
    'millrace_commits_total',
    'pipeline thread outcome',
    'Commits by what became of them: committed, aborted, fenced, unknown, failed.',
  ),
  commitSeconds: family(
    'histogram',
    'millrace_commit_duration_seconds',
    'pipeline thread',
    'From cutting a commit to its answer.',
  ),
  restoring: gauge('millrace_restoring', 'pipeline thread', '1 while state is restored.'),
  restoredTasks: counter(
    'millrace_restored_tasks_total',
    'pipeline thread',
    'Tasks whose state was restored.',
  ),
  restoredRecords: counter(
    'millrace_restored_records_total',
    'pipeline thread',
    'Records read from snapshots and changelogs to restore state.',
  ),
  restoreSeconds: counter('millrace_restore_seconds_total', 'pipeline thread', 'Time that restoring took.'),
  restoreDone: gauge(
    'millrace_restore_done_records',
    step,
    'Records of the snapshot and offsets of the changelog that the restore of a store has behind it; absent while the task waits for its turn.',
  ),
  restoreLeft: gauge(
    'millrace_restore_left_records',
    step,
    'Those that it has before it; 0 once the store is whole.',
  ),
  rebalances: counter('millrace_rebalances_total', 'pipeline', 'Times that partitions came or went.'),
  membershipLosses: counter(
    'millrace_membership_losses_total',
    'pipeline',
    'Times that the group took the process for dead.',
  ),
  partitions: gauge('millrace_assigned_partitions', 'pipeline', 'Partitions this process has.'),
  barred: gauge(
    'millrace_barred_partitions',
    'pipeline',
    'Partitions that no member of the group may have, for newer code has had them.',
  ),
  held: gauge(
    'millrace_held_partitions',
    'pipeline',
    'Partitions that this process has and does not process yet, for it is not written down what it keeps behind them.',
  ),
  fetches: counter('millrace_fetches_total', 'thread', 'Fetches answered.'),
  fetchFailures: counter(
    'millrace_fetch_failures_total',
    'thread',
    'Fetches that failed and are tried again.',
  ),
  fetchBytes: counter('millrace_fetch_bytes_total', 'thread', 'Bytes of record batches fetched.'),
  fetchSeconds: counter(
    'millrace_fetch_seconds_total',
    'thread',
    'Time between asking and the answer, waiting for new records included.',
  ),
  threadActive: counter(
    'millrace_thread_active_seconds_total',
    'thread',
    'Time that the thread was not waiting; thread 0 is the control thread.',
  ),
  threads: gauge('millrace_threads', '', 'Threads that run tasks.'),
  cpu: counter('process_cpu_seconds_total', '', 'CPU time of the process.'),
  resident: gauge('process_resident_memory_bytes', '', 'Resident memory of the process.'),
  startTime: gauge('process_start_time_seconds', '', 'When the process started, since the epoch.'),
  heapUsed: gauge('nodejs_heap_size_used_bytes', '', 'Heap in use, of the control thread.'),
  external: gauge('nodejs_external_memory_bytes', '', 'Memory outside of the heap, of the control thread.'),
} as const satisfies Record<string, Family>
