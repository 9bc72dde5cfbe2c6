import { out } from '../../plan/out.ts'
import type { StreamRecord } from '../../plan/record.ts'
import { encodeKey } from '../../serde/key.ts'
import { packValue, unpackValue } from '../../serde/packed-value.ts'
import { KeyBuffer } from '../../serde/sink.ts'
import type { Fn } from '../graph-edge.ts'
import { side, state } from '../process.ts'

/*
 * The three steps of a join of tables by a foreign key. The left table's step sends each row to the partition of the row it refers to.
 * There the right table's step keeps who refers to a row, and answers with both rows whenever one of them changes. The answers go to
 * the partition of the left key, where the results are made.
 *
 * Answers of two partitions may overtake each other. So each reference a left row makes has a number, and each life of a row, from its
 * coming to its deletion, a name; what is older than the newest is dropped. A reference that is over is confirmed behind its last answer:
 * when all of a life's references are, nothing of it can come any more, and it is forgotten.
 */

/** Whose row it is, and which of its references. */
interface Reference {
  readonly left: unknown
  readonly life: string
  readonly n: number
}

/** Makes or renews a reference; without a row it ends it. */
interface Subscription extends Reference {
  readonly to: unknown
  readonly row: unknown
  readonly right?: unknown
}

interface Referring extends Reference {
  readonly row: unknown
  readonly at: number
}

/** A row of the right table, or null when it is gone. */
interface RightChange {
  readonly changed: unknown
}

type Answer = Reference & {
  readonly kind: 'rows' | 'own' | 'over' | 'begins' | 'gone'
  readonly row?: unknown
  readonly right?: unknown
  /** How many references the life has made. */
  readonly made?: number
}

interface LeftState {
  readonly life: string
  readonly n: number
  readonly made: number
  /** Null where the row refers to nothing. */
  readonly to: unknown
  readonly toText: string | null
}

export const subscriptionKey = ({ to }: Subscription): unknown => unpackValue(to)
export const answerKey = ({ left }: Answer): unknown => unpackValue(left)
export const withRight = (subscription: Subscription, right: unknown): Subscription => ({
  ...subscription,
  right: right === undefined ? null : packValue(right),
})
export const rightChange = (row: unknown): RightChange => ({
  changed: row === null ? null : packValue(row),
})

/** The step at the left table: `keyOf` says which right row a left one refers to. */
export function leftStep(keyOf: Fn) {
  const options = {
    state: { current: state.value<LeftState>() },
    sides: { references: side<Subscription>() },
  }
  const nameOfLife = lifeNames()
  const fn = (row: unknown, { key, record, state: { current }, side }: any): Answer[] | undefined => {
    const before: LeftState | undefined = current.get()
    const left = packValue(key)
    const end = () => {
      if (before !== undefined && before.toText !== null)
        side('references', { left, life: before.life, n: before.n, to: before.to, row: null })
    }
    if (row === null) {
      if (before === undefined) return
      end()
      current.delete()
      return [{ kind: 'gone', left, life: before.life, n: before.n, made: before.made }]
    }
    const target = keyOf(row, record) ?? null
    const toText = target === null ? null : textOf(target)
    const life = before?.life ?? nameOfLife(record)
    const isSame = before !== undefined && before.toText === toText
    const n = isSame ? before.n : (before?.n ?? 0) + 1
    const made = (before?.made ?? 0) + (isSame || toText === null ? 0 : 1)
    const to = target === null ? null : packValue(target)
    if (!isSame) end()
    current.set({ life, n, made, to, toText })
    const sent = packValue(row)
    if (toText === null) return [{ kind: 'own', left, life, n, row: sent }]
    side('references', { left, life, n, to, row: sent })
    return before === undefined ? [{ kind: 'begins', left, life, n: 0 }] : undefined
  }
  return { options, fn }
}

/** Names that no other life has, and that come again when a record does: the place of the record, and how many began with it before. */
function lifeNames(): (record: StreamRecord) => string {
  let last = ''
  let before = 0
  return ({ topic, partition, offset }) => {
    const place = `${topic}/${partition}/${offset}`
    before = place === last ? before + 1 : 0
    last = place
    return before === 0 ? place : `${place}/${before}`
  }
}

/** Equal for equal keys alone. */
function textOf(key: unknown): string {
  const bytes = new KeyBuffer(64)
  const kind = encodeKey(key, bytes)
  return `${kind}:${bytes.buffer.toString('latin1', 0, bytes.position)}`
}

/** The step at the right table. */
export function rightStep() {
  const options = { state: { referring: state.map<string, Referring>(), changedAt: state.value<number>() } }
  const fn = (
    value: Subscription | RightChange,
    { state: { referring, changedAt }, timestamp }: any,
  ): unknown[] => {
    if ('changed' in value) {
      const right = value.changed
      if (right === null) changedAt.delete()
      else changedAt.set(timestamp)
      return Array.from(referring.values() as Iterable<Referring>, ({ at, ...each }) =>
        out({ kind: 'rows', ...each, right }, { timestamp: Math.max(at, timestamp) }),
      )
    }
    const { left, life, n, row, right } = value
    const id = JSON.stringify(left)
    if (row === null) {
      const known: Referring | undefined = referring.get(id)
      if (known?.life === life && known.n === n) referring.delete(id)
      return [{ kind: 'over', left, life, n }]
    }
    referring.set(id, { left, life, n, row, at: timestamp })
    const time = right === null ? timestamp : Math.max(timestamp, changedAt.get() ?? timestamp)
    return [out({ kind: 'rows', left, life, n, row, right }, { timestamp: time })]
  }
  return { options, fn }
}

/** What is known of one life of a left row. */
interface Life {
  readonly n: number
  readonly over: number
  /** Set when the row is gone: how many references will be over. */
  readonly made?: number
  /** Came before the life is known to have begun. */
  readonly early?: Pick<Answer, 'row' | 'right'> & { readonly at: number }
}

/** The step that makes the rows of the result. */
export function resultStep(fn: Fn, isLeft: boolean) {
  const resultOf = ({ row, right }: Pick<Answer, 'row' | 'right'>): unknown => {
    if (right === undefined || right === null) return isLeft ? fn(unpackValue(row), undefined) : null
    return fn(unpackValue(row), unpackValue(right))
  }
  const options = { state: { lives: state.map<string, Life>(), current: state.value<string>() } }
  const step = (answer: Answer, { state: { lives, current }, timestamp }: any): unknown[] => {
    const { kind, life, n } = answer
    let known: Life = lives.get(life) ?? { n: 0, over: 0 }
    const results: unknown[] = []
    if (kind === 'over') known = { ...known, over: known.over + 1 }
    else if (kind === 'gone') {
      current.set(life)
      known = { n, over: known.over, made: answer.made! }
      results.push(null)
    } else if (kind !== 'rows') {
      current.set(life)
      const { early, over } = known
      known = { n: Math.max(n, known.n), over }
      if (kind === 'own' && n >= known.n) results.push(resultOf(answer))
      else if (early !== undefined)
        results.push(out(resultOf(early), { timestamp: Math.max(early.at, timestamp) }))
    } else if (known.made === undefined && n >= known.n) {
      const { row, right } = answer
      const isEarly = current.get() !== life
      known = { n, over: known.over, ...(isEarly && { early: { row, right, at: timestamp } }) }
      if (!isEarly) results.push(resultOf(answer))
    }
    if (known.made !== undefined && known.over >= known.made) {
      lives.delete(life)
      if (current.get() === life) current.delete()
    } else lives.set(life, known)
    return results
  }
  return { options, fn: step }
}
