import { side, state } from '../../stream/process.ts'
import type { KeyedStream, Stream } from '../../stream/stream.ts'
import type { Hit } from './hit.ts'

/** A process step as data: what it keeps, and when its timers fire. */
export interface ProcessRecipe {
  readonly delayMs: number
  readonly ttlMs: number | null
  readonly holdBackMs: number
  readonly aside: boolean
}

/**
 * A process step that uses every kind of state, moves, cancels and repeats timers, sends aside and throws; its results
 * show all that it keeps. They lie under the keys of their records, so that the stream stays keyed.
 */
export function processed(
  keyed: KeyedStream<Hit, unknown>,
  name: string,
  recipe: ProcessRecipe,
): { out: KeyedStream<Hit, unknown>; aside: Stream<number, unknown> } {
  const { delayMs, holdBackMs } = recipe
  const ttl = recipe.ttlMs ?? undefined
  const results = keyed.process(
    name,
    {
      state: {
        count: state.value<number>({ ttl }),
        ids: state.list<number>({ ttl }),
        pages: state.map<string, number>({ ttl }),
      },
      sides: { aside: side<number>() },
      holdBack: holdBackMs,
      onTimer({ timer, timestamp, watermark, timers, state: { count, ids, pages } }) {
        const shown = [...ids, ...pages.keys(), watermark - timestamp].join()
        ids.clear()
        if (timer.tag === 'again') {
          if ((count.get() ?? 0) % 4 === 3) throw new Error('some timers are refused')
          // A third timer in a row may lie behind the end, and behind a re-keying that end is told sooner or later (SEMANTICS 3.2).
          timers.at(timer.time + delayMs + 1, 'once')
        } else count.delete()
        return [{ id: count.get() ?? 0, user: 'timer', page: shown, ms: timer.tag.length }]
      },
    },
    (v, context) => {
      const { timers, timestamp, watermark } = context
      const { count, ids, pages } = context.state
      const id = Number(v.id) || 0
      const n = (count.get() ?? 0) + 1
      count.set(n)
      if (ids.length > 2) ids.shift()
      ids.push(id)
      if (id % 4 === 1) pages.delete(String(v.page))
      else pages.set(String(v.page), n)
      timers.after(delayMs, id % 3 === 0 ? 'again' : '')
      if (id % 5 === 4) timers.cancel('again')
      if (id % 2 === 1) context.side('aside', n)
      if (id % 7 === 3) throw new Error('some records are refused')
      const isBehind = timestamp < watermark
      const shown = [...ids, ...pages].join()
      return [
        {
          id: n,
          user: isBehind ? 'behind' : v.user,
          page: shown,
          ms: timers.get('again') === undefined ? 1 : 40,
        },
      ]
    },
  )
  return { out: results as unknown as KeyedStream<Hit, unknown>, aside: results.sides.aside }
}
