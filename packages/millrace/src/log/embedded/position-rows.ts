import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CommitError, type CommittedPosition, type PositionUpdate } from '../log.ts'
import type { Catalog } from './catalog.ts'
import { placeName } from './group-rows.ts'

const NOTHING = new Uint8Array(0)

/** Reads the committed positions of groups. */
export class PositionReader {
  readonly #one: StatementSync
  readonly #all: StatementSync

  constructor(db: DatabaseSync) {
    this.#one = db.prepare(
      'SELECT position, metadata FROM positions WHERE group_name = ?1 AND partition = ?2',
    )
    this.#all = db.prepare(
      'SELECT partition, position, metadata FROM positions WHERE group_name = ?1 ORDER BY partition',
    )
  }

  find(group: string, partitionId: number): { offset: number; metadata: Uint8Array } | undefined {
    const row = this.#one.get(group, partitionId) as
      | { position: number; metadata: Uint8Array | null }
      | undefined
    return row === undefined ? undefined : { offset: row.position, metadata: row.metadata ?? NOTHING }
  }

  all(group: string, catalog: Catalog): CommittedPosition[] {
    const rows = this.#all.all(group) as {
      partition: number
      position: number
      metadata: Uint8Array | null
    }[]
    return rows.flatMap(({ partition, position, metadata }) => {
      const place = catalog.place(partition)
      return place === undefined ? [] : [{ ...place, offset: position, metadata: metadata ?? NOTHING }]
    })
  }
}

/** Puts positions inside write transactions. */
export class PositionWriter {
  readonly #reader: PositionReader
  readonly #put: StatementSync

  constructor(db: DatabaseSync) {
    this.#reader = new PositionReader(db)
    this.#put = db.prepare(
      `INSERT INTO positions VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT DO UPDATE SET position = excluded.position, metadata = excluded.metadata`,
    )
  }

  /** Throws `CommitError` `aborted` unless the group stands where the update says it does. */
  requirePrevious(group: string, partitionId: number, update: PositionUpdate): void {
    const stored = this.#reader.find(group, partitionId)?.offset ?? -1
    if (stored === update.previousOffset) return
    const message = `Commit refused: ${placeName(update)} stands at ${stored}, not at ${update.previousOffset}`
    throw new CommitError('aborted', message)
  }

  put(group: string, partitionId: number, offset: number, metadata: Uint8Array = NOTHING): void {
    this.#put.run(group, partitionId, offset, metadata)
  }
}
