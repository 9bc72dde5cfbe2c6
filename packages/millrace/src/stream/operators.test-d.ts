import { json } from '../serde/json.ts'
import type { Lagged } from './operators/lag.ts'
import type { InSession } from './operators/sessionize.ts'
import type { HeavyHitter } from './operators/top-k.ts'
import { pipeline } from './pipeline.ts'
import type { KeyedStream } from './stream.ts'
import { topic } from './topic.ts'

// Checked by tsc, never run: what is made of `process` keeps the types of values and keys.

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type ValueType<S> = S extends { readonly types?: { readonly value: infer V } } ? V : never
declare function is<_T extends true>(): void

type Score = { player: string; points: number; tags: string[] }
const scores = topic('scores', { value: json<Score>() })

pipeline('operators', p => {
  const keyed = p.from(scores).byKey()
  is<Equal<ReturnType<typeof keyed.debounce>, KeyedStream<Score, string>>>()
  is<Equal<ValueType<ReturnType<typeof keyed.lag>>, Lagged<Score>>>()
  is<Equal<ValueType<ReturnType<typeof keyed.sessionize>>, InSession<Score>>>()
  keyed.dedupe('once', { by: 'player', within: '1h' }).aggregate('n', {})
  keyed.dedupe('again', { by: (v, { key }) => key + v.points })
  // @ts-expect-error no such field
  keyed.dedupe('wrong', { by: 'nobody' })
  // @ts-expect-error nothing that entries are found by
  keyed.dedupe('wrong', { by: v => v.tags })
  keyed.changes('changes', v => v.tags)
  const top = keyed.topN('top', 3, { by: 'points', unique: 'player' })
  is<Equal<ValueType<typeof top>, readonly Score[]>>()
  // @ts-expect-error ranks are numbers
  keyed.topN('top', 3, { by: v => v.player })
  const hitters = keyed.topK('hitters', 3, { by: 'player' })
  is<Equal<ValueType<typeof hitters>, readonly HeavyHitter[]>>()
  is<Equal<ValueType<ReturnType<typeof keyed.rateLimit>['limited']>, Score>>()
  // @ts-expect-error without a key there is nothing to limit
  p.from(scores).rateLimit('limit', { limit: 1, per: '1s' })
})

pipeline('patterns', p => {
  const found = p
    .from(scores)
    .byKey()
    .pattern('low', v => v.points < 10)
    .oneOrMore()
    .notFollowedBy('reset', v => v.points === 0)
    .next('high', (v, { key }) => key !== 'x' && v.points > 100)
    .where((v, { low, high }) => {
      is<Equal<typeof high, typeof low>>()
      // @ts-expect-error there is no such stage
      low.reset
      // @ts-expect-error values are read-only
      v.points = 1
      return v.points > (low.at(-1)?.points ?? 0)
    })
    .within('1m')
    .match('leaps')
  found.map(({ start, records }) => {
    is<
      Equal<
        typeof records.low,
        readonly { readonly player: string; readonly points: number; readonly tags: readonly string[] }[]
      >
    >()
    // @ts-expect-error what must not come is in no match
    records.reset
    return start
  })
  is<Equal<ValueType<typeof found.late>, Score>>()
})
