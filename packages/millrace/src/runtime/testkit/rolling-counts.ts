import { count, json, pipeline, sum, topic } from '../../index.ts'
import { topicPrefix } from './topic-prefix.ts'

const prefix = topicPrefix(import.meta.url)
const version = new URL(import.meta.url).searchParams.get('version') ?? 'old'

/** A pipeline that worker threads can load, in versions: `old`, `rewritten` with the same state, and `new` with a column more. */
export interface Hit {
  readonly user: string
  readonly ms: number
}

export interface Row {
  readonly n?: number
  /** Of what came since the column was added. */
  readonly total?: number
  readonly by: string
}

export const hits = topic(`${prefix}hits`, { value: json<Hit>(), key: 'user', partitions: 4 })
export const rows = topic(`${prefix}rows`, { value: json<Row>(), partitions: 4 })

export default pipeline('hits', { commitInterval: '50ms' }, p => {
  const perUser = p.from(hits).byKey()
  if (version === 'new')
    perUser
      .aggregate('per-user', { n: count(), total: sum('ms') })
      .emit('updates')
      .map(row => ({ ...row, by: version }))
      .to(rows)
  else
    perUser
      .aggregate('per-user', { n: count() })
      .emit('updates')
      .map(row => ({ ...row, by: version }))
      .to(rows)
})
