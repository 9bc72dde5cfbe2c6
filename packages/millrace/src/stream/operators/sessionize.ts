import { type Duration, toMs } from '../../std/duration.ts'
import { side, state } from '../process.ts'
import type { KeyedStream, Stream } from '../stream.ts'
import { arrived, wait, waitingStates } from './time-order.ts'
import { withStream } from './with-stream.ts'

/** Where a record stands in a session of its key. */
export interface SessionPlace {
  /** The key and the start of the session: the same for all its records, and no other. */
  readonly id: string
  /** Time of its first record. */
  readonly start: number
  /** 0 for the first record. */
  readonly position: number
}

/** A record with its place in a session. */
export interface InSession<V> {
  readonly value: V
  readonly session: SessionPlace
}

/** Records in their sessions, and those that came too late for that. */
export interface Sessions<V, K> extends KeyedStream<InSession<V>, K> {
  /** Records that came behind the watermark. Nothing happens to them when nothing reads it. */
  readonly late: Stream<V, K>
}

/**
 * Tells for each record which session it belongs to: those of a key that follow one another at most `gap` apart. The
 * records leave in the order of time, each when no earlier one can come any more.
 */
export function sessionize<V, K>(stream: KeyedStream<V, K>, name: string, gap: Duration): Sessions<V, K> {
  const gapMs = toMs(gap, `sessionize "${name}", gap`)
  const results = stream.process(
    name,
    {
      state: { ...waitingStates, open: state.value<{ start: number; last: number; count: number }>() },
      sides: { behind: side<V>() },
      onTimer(context) {
        const { open } = context.state
        const { time } = context.timer
        if (context.timer.tag === 'over') {
          open.delete()
          return []
        }
        const known = open.get()
        let count = known?.count ?? 0
        const start = known?.start ?? time
        const id = `${typeof context.key === 'object' ? JSON.stringify(context.key) : context.key}@${start}`
        const placed = arrived(context).map((value: V) => ({
          value,
          session: { id, start, position: count++ },
        }))
        open.set({ start, last: time, count })
        context.timers.at(time + gapMs + 1, 'over')
        return placed as InSession<V>[]
      },
    },
    (value, context) => {
      if (!wait(value, context)) context.side('behind', value as V)
    },
  )
  return withStream(results, 'late', results.sides.behind) as unknown as Sessions<V, K>
}
