import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { TopicPartition, TopicVersions } from '../log.ts'
import type { LeaseHolder } from './lease-file.ts'
import { decodeMemberData } from './member-data.ts'

/** A member as its row has it. */
export interface MemberRow extends LeaseHolder {
  readonly group: string
  readonly instance: string | null
  readonly host: string
  readonly pid: number
  readonly weight: number
  readonly topicSets: readonly (readonly string[])[]
  readonly userData: Uint8Array | undefined
  readonly layouts: TopicVersions | undefined
  readonly rebalanceMs: number
  /** The generation its process has acknowledged, 0 for none yet. */
  readonly generation: number
  /** What it shall have. */
  readonly target: readonly TopicPartition[]
  /** What it has: nobody else gets any of it before it gives it up or is thrown out. */
  readonly owned: readonly TopicPartition[]
}

type StoredRow = Omit<MemberRow, 'topicSets' | 'target' | 'owned' | 'userData' | 'layouts'> & {
  readonly data: Uint8Array | null
  readonly topicSets: string
  readonly target: string
  readonly owned: string
}

const COLUMNS = `group_name AS "group", id AS memberId, instance, host, pid, slot, weight, topic_sets AS topicSets,
  user_data AS data, session_ms AS sessionMs, rebalance_ms AS rebalanceMs, generation, target, owned`

/** Reads groups and their members. */
export class GroupReader {
  readonly #epoch: StatementSync
  readonly #groups: StatementSync
  readonly #generation: StatementSync
  readonly #members: StatementSync
  readonly #member: StatementSync

  constructor(db: DatabaseSync) {
    this.#epoch = db.prepare(`SELECT value FROM counters WHERE name = 'groups'`)
    this.#groups = db.prepare('SELECT name FROM groups ORDER BY name')
    this.#generation = db.prepare('SELECT generation FROM groups WHERE name = ?1')
    this.#members = db.prepare(`SELECT ${COLUMNS} FROM members WHERE group_name = ?1 ORDER BY id`)
    this.#member = db.prepare(`SELECT ${COLUMNS} FROM members WHERE group_name = ?1 AND id = ?2`)
  }

  /** Changes with every change of a group or member. */
  epoch(): number {
    return (this.#epoch.get() as { value: number }).value
  }

  names(): string[] {
    return (this.#groups.all() as { name: string }[]).map(row => row.name)
  }

  /** The group's generation, or undefined when there is no such group. */
  generation(group: string): number | undefined {
    return (this.#generation.get(group) as { generation: number } | undefined)?.generation
  }

  members(group: string): MemberRow[] {
    return (this.#members.all(group) as unknown as StoredRow[]).map(memberRow)
  }

  member(group: string, memberId: string): MemberRow | undefined {
    const row = this.#member.get(group, memberId) as unknown as StoredRow | undefined
    return row === undefined ? undefined : memberRow(row)
  }
}

function memberRow({ data, ...row }: StoredRow): MemberRow {
  return {
    ...row,
    ...decodeMemberData(data),
    topicSets: JSON.parse(row.topicSets),
    target: JSON.parse(row.target),
    owned: JSON.parse(row.owned),
  }
}

export const placeName = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`

/** The partitions of `from` that are not in `without`. */
export function minus(from: readonly TopicPartition[], without: readonly TopicPartition[]): TopicPartition[] {
  const names = new Set(without.map(placeName))
  return from.filter(place => !names.has(placeName(place)))
}
