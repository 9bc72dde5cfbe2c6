/**
 * What lies in the data directory.
 *
 * ```
 * log.db          topics, groups, positions, and one table of record batches per partition
 * log.db-wal/-shm SQLite's write-ahead log and its index
 * leases          64 bytes per group member: when it was last alive, and in which process; written after every commit
 * ```
 *
 * A partition has a table of its own, `b<id>`, keyed by base offset: every append then goes to the
 * right edge of a tree, where SQLite fills a page and leaves it. In one tree for all partitions the same
 * appends write a third more (half as much again with small batches), because they split pages in its
 * middle.
 *
 * ```
 * key         base offset of the batch
 * last_delta  offset of its last record - key
 * time_max    its largest record time
 * time_peak   the largest time_max of this and all earlier batches, so that times can be searched
 * bytes_end   bytes of this and all earlier batches, so that sizes can be
 * written_at  wall time of the append
 * value       the batch and 64 bytes more, so that a reader of words needs no copy
 * ```
 */
export const DATABASE_FILE = 'log.db'
export const LEASE_FILE = 'leases'

/** Marks the file as Millrace's: "Mlrc". */
export const APPLICATION_ID = 0x4d6c7263
/** Raised with every change of the tables. */
export const LAYOUT_VERSION = 1
export const PAGE_BYTES = 65_536

/** A batch larger than this is refused. */
export const BATCH_BYTES_MAX = 64 * 1024 * 1024

export const SCHEMA = `
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO counters VALUES ('topics', 0), ('groups', 0), ('partition', 0), ('slot', 0);
  CREATE TABLE topics (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
    cleanup TEXT NOT NULL, retention_ms INTEGER NOT NULL, retention_bytes INTEGER NOT NULL, internal INTEGER NOT NULL
  );
  CREATE TABLE partitions (
    id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, number INTEGER NOT NULL,
    start_offset INTEGER NOT NULL DEFAULT 0, clean_offset INTEGER NOT NULL DEFAULT 0,
    clean_version INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE groups (name TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE members (
    group_name TEXT NOT NULL, id TEXT NOT NULL, instance TEXT, host TEXT NOT NULL, pid INTEGER NOT NULL,
    slot INTEGER NOT NULL, weight REAL NOT NULL, topic_sets TEXT NOT NULL, user_data BLOB,
    session_ms INTEGER NOT NULL, rebalance_ms INTEGER NOT NULL, generation INTEGER NOT NULL,
    target TEXT NOT NULL, owned TEXT NOT NULL, PRIMARY KEY (group_name, id)
  ) WITHOUT ROWID;
  CREATE TABLE positions (
    group_name TEXT NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL, metadata BLOB,
    PRIMARY KEY (group_name, partition)
  ) WITHOUT ROWID;
`

/** The table that holds the batches of partition `id`. */
export function batchTable(id: number): string {
  return `b${id}`
}

export function createBatchTable(id: number): string {
  return `CREATE TABLE ${batchTable(id)} (
    key INTEGER PRIMARY KEY, last_delta INTEGER NOT NULL, time_max INTEGER NOT NULL, time_peak INTEGER NOT NULL,
    bytes_end INTEGER NOT NULL, written_at INTEGER NOT NULL, value BLOB NOT NULL
  )`
}
