import { out } from '../plan/out.ts'
import type { BroadcastRows, ListState, MapState, ValueState } from '../plan/process.ts'
import { json } from '../serde/json.ts'
import { pipeline } from './pipeline.ts'
import { side, state } from './process.ts'
import { topic } from './topic.ts'

// Checked by tsc, never run: types flow through states, timers and side outputs without an annotation.

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type ValueType<S> = S extends { readonly types?: { readonly value: infer V } } ? V : never
type KeyType<S> = S extends { readonly types?: { readonly key: infer K } } ? K : never
declare function is<_T extends true>(): void

type Payment = { customer: string; cents: number; tags: string[] }
type Alert = { why: string }
const payments = topic('payments', { value: json<Payment>() })

pipeline('process', p => {
  const keyed = p.from(payments).keyBy('customer')
  const results = keyed.process(
    'totals',
    {
      state: {
        total: state.value<number>(),
        last: state.list<Payment>({ ttl: '1h' }),
        byTag: state.map<string, { n: number }>(),
      },
      sides: { alerts: side<Alert>(), raw: side<Payment>() },
      onTimer({ state: { total }, timer, key }) {
        is<Equal<typeof key, string>>()
        is<Equal<typeof timer.tag, string>>()
        return [{ customer: key, total: total.get() ?? 0 }]
      },
    },
    (v, context) => {
      const { state: states, timers, record, key } = context
      is<Equal<typeof states.total, ValueState<number>>>()
      is<Equal<typeof states.last, ListState<Payment>>>()
      is<Equal<typeof states.byTag, MapState<string, { n: number }>>>()
      is<Equal<typeof key, string>>()
      is<Equal<typeof record.key, string>>()
      states.total.set((states.total.get() ?? 0) + v.cents)
      states.last.push(v)
      for (const tag of v.tags) states.byTag.set(tag, { n: (states.byTag.get(tag)?.n ?? 0) + 1 })
      timers.after('10s', 'tag')
      context.side('alerts', { why: 'much' })
      context.side('alerts', out({ why: 'much' }, { timestamp: 0 }))
      // @ts-expect-error there is no such side output
      context.side('others', 1)
      // @ts-expect-error another type of value
      context.side('alerts', { reason: 'much' })
      // @ts-expect-error another type of value
      states.total.set('1')
      // @ts-expect-error values are read-only
      v.tags.push('x')
      const kept = states.byTag.get('x')
      // @ts-expect-error what is kept is read-only
      if (kept) kept.n++
      return [v.cents]
    },
  )
  is<Equal<ValueType<typeof results>, number | { customer: string; total: number }>>()
  is<Equal<KeyType<typeof results>, string>>()
  is<Equal<ValueType<typeof results.sides.alerts>, Alert>>()
  is<Equal<ValueType<typeof results.failed>, Payment>>()

  const rules = p.globalTable(topic('rules', { value: json<{ above: number }>() }))
  keyed.process(
    'watched',
    {
      broadcast: { rules },
      onTimer({ broadcast: { rules } }) {
        return [...rules].map(([key, { above }]) => ({ key, above }))
      },
    },
    (_, { broadcast }) => {
      is<Equal<typeof broadcast.rules, BroadcastRows<{ above: number }, string>>>()
      // @ts-expect-error another type of key
      broadcast.rules.get(1)
      // @ts-expect-error there is no such table
      broadcast.others.get('a')
      // @ts-expect-error rows are read-only
      for (const [, rule] of broadcast.rules) rule.above = 0
    },
  )
  // @ts-expect-error a table that is not global
  keyed.process('wrong', { broadcast: { rules: p.table(topic('t', { value: json<{}>() })) } }, () => [])

  const some = keyed.process('some', {}, v => {
    if (v.cents === 0) return
    return [v.cents]
  })
  is<Equal<ValueType<typeof some>, number>>()
  const none = keyed.process('none', { state: { n: state.value<number>() } }, (_, { state: { n } }) => {
    n.set(1)
  })
  is<Equal<ValueType<typeof none>, never>>()
  const generated = keyed.process('generated', {}, function* (v) {
    yield out(v.cents, { key: 7 })
  })
  is<Equal<ValueType<typeof generated>, number>>()
  is<Equal<KeyType<typeof generated>, number>>()
  // @ts-expect-error a callback must give its results at once
  keyed.process('async', {}, async v => [v])
  // @ts-expect-error no key, no state
  p.from(payments).process('unkeyed', {}, () => [])
})
