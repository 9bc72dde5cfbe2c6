import { out } from '../../plan/out.ts'
import { type Duration, toMs } from '../../std/duration.ts'
import { state } from '../process.ts'
import type { KeyedStream } from '../stream.ts'

interface Latest {
  readonly time: number
  readonly value: any
}

/**
 * Gives the latest record of each key once none has come for `quiet` of event time. The result's time is the end of
 * the quiet.
 */
export function debounce<V, K>(stream: KeyedStream<V, K>, name: string, quiet: Duration): KeyedStream<V, K> {
  const quietMs = toMs(quiet, `debounce "${name}"`)
  return stream.process(
    name,
    {
      state: { latest: state.value<Latest>() },
      onTimer({ state: { latest } }) {
        const { value } = latest.get()!
        latest.delete()
        return [value as V]
      },
    },
    (value, { state: { latest }, timestamp, timers }) => {
      const before = latest.get()
      if (before !== undefined && before.time > timestamp) return
      latest.set({ time: timestamp, value })
      timers.at(timestamp + quietMs)
    },
  ) as unknown as KeyedStream<V, K>
}

/**
 * Gives the latest record of each key in each `period` of event time, which begin at multiples of it. The result's
 * time is the last ms of the period. A record whose period is over is left out.
 */
export function sample<V, K>(stream: KeyedStream<V, K>, name: string, period: Duration): KeyedStream<V, K> {
  const periodMs = toMs(period, `sample "${name}"`)
  if (periodMs === 0) throw new TypeError(`sample "${name}": the period is 0`)
  return stream.process(
    name,
    {
      state: { latest: state.map<number, Latest>() },
      // A result lies 1 ms before its timer.
      holdBack: 1,
      onTimer({ state: { latest }, timer: { time } }) {
        const { value } = latest.get(time)!
        latest.delete(time)
        return [out(value as V, { timestamp: time - 1 })]
      },
    },
    (value, { state: { latest }, timestamp, watermark, timers }) => {
      const end = (Math.floor(timestamp / periodMs) + 1) * periodMs
      const before = latest.get(end)
      if (end <= watermark || (before !== undefined && before.time > timestamp)) return
      latest.set(end, { time: timestamp, value })
      timers.at(end, String(end))
    },
  ) as unknown as KeyedStream<V, K>
}
