import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Floors } from '../layouts.ts'

/**
 * Floors of the groups (`layouts.ts`), among the counters: every directory has that table, and processes that know nothing of floors
 * leave others' counters alone. A name is `floor`, the group and the partition, with a space between.
 */
export class FloorReader {
  readonly #some: StatementSync

  constructor(db: DatabaseSync) {
    this.#some = db.prepare('SELECT name, value FROM counters WHERE name > ?1 AND name < ?2')
  }

  read(group: string): Floors {
    const [from, to] = bounds(group)
    const rows = this.#some.all(from, to) as { name: string; value: number }[]
    return new Map(rows.map(({ name, value }) => [name.slice(from.length), value]))
  }
}

export class FloorWriter extends FloorReader {
  readonly #raise: StatementSync
  readonly #clear: StatementSync

  constructor(db: DatabaseSync) {
    super(db)
    this.#raise = db.prepare(
      'INSERT INTO counters VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)',
    )
    this.#clear = db.prepare('DELETE FROM counters WHERE name > ?1 AND name < ?2')
  }

  raise(group: string, floors: Floors): void {
    const known = this.read(group)
    const [prefix] = bounds(group)
    for (const [partition, version] of floors)
      if ((known.get(partition) ?? 0) < version) this.#raise.run(prefix + partition, version)
  }

  clear(group: string): void {
    this.#clear.run(...bounds(group))
  }
}

/** All names of a group's floors lie between; names of groups have no space. */
function bounds(group: string): [string, string] {
  return [`floor ${group} `, `floor ${group}!`]
}
