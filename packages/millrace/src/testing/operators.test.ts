import { describe, it } from 'node:test'
import { assertOperator, type SeenTick, type Tick, t0 } from './testkit/operator-property.ts'

const plain = ({ key, at, n }: SeenTick): Tick => ({ key, at, n })
/** Entries live on from the later one of their time and the watermark. */
const writtenAt = ({ at, watermark }: SeenTick) => Math.max(at, watermark)
const inTime = (input: readonly SeenTick[]) =>
  input.filter(({ at, watermark }) => at >= watermark).sort((a, b) => a.at - b.at)

describe('what is made of process gives what its oracle gives', () => {
  it('[5.11] dedupe, within a time', async () => {
    const withinMs = 2_000
    await assertOperator(
      keyed => keyed.dedupe('once', { by: 'n', within: withinMs }),
      input => {
        const kept: SeenTick[] = []
        for (const tick of input) {
          const last = kept.findLast(({ n }) => n === tick.n)
          const isKnown = last !== undefined && writtenAt(tick) < writtenAt(last) + withinMs
          if (isKnown && Math.abs(tick.at - last.at) < withinMs) continue
          kept.push(tick)
        }
        return kept.map(plain)
      },
    )
  })

  it('[5.11] dedupe, for ever', async () => {
    await assertOperator(
      keyed => keyed.dedupe('once', { by: v => v.n % 3 }),
      input => input.filter((tick, i) => input.findIndex(({ n }) => n % 3 === tick.n % 3) === i).map(plain),
    )
  })

  it('[5.11] lag', async () => {
    await assertOperator(
      keyed => keyed.lag('lag', 2).map(({ value, previous }) => [value.n, previous?.n ?? null]),
      input => input.map(({ n }, i) => [n, input[i - 2]?.n ?? null]),
    )
  })

  it('[5.11] changes', async () => {
    await assertOperator(
      keyed => keyed.changes('changes', 'n'),
      input => input.filter(({ n }, i) => n !== input[i - 1]?.n).map(plain),
    )
  })

  it('[5.11] topN', async () => {
    await assertOperator(
      keyed => keyed.topN('top', 2, { by: 'n' }),
      input => {
        const tops = input.map((_, i) =>
          input
            .slice(0, i + 1)
            .sort((a, b) => b.n - a.n)
            .slice(0, 2)
            .map(plain),
        )
        return tops.filter((top, i) => JSON.stringify(top) !== JSON.stringify(tops[i - 1]) || isNew(input, i))
      },
    )
    // Two equal records differ by nothing that a list shows: the second of them still takes a place, or none.
    function isNew(input: readonly SeenTick[], i: number): boolean {
      const rank = input.slice(0, i).filter(({ n }) => n >= input[i]!.n).length
      return rank < 2
    }
  })

  it('[5.11] topN of what is unique', async () => {
    await assertOperator(
      keyed => keyed.topN('top', 2, { by: 'at', unique: 'n' }).map(top => top.map(({ n, at }) => [n, at])),
      input => {
        let top: [number, number][] = []
        return input.flatMap(({ n, at }) => {
          const next = [...top.filter(([id]) => id !== n)]
          const place = next.findIndex(([, rank]) => rank < at)
          next.splice(place < 0 ? next.length : place, 0, [n, at])
          const isIn = next.indexOf(next.find(([id]) => id === n)!) < 2
          const before = top
          top = next.slice(0, 2)
          const lost = before.some(([id]) => !top.some(([now]) => now === id))
          return isIn || lost ? [top] : []
        })
      },
    )
  })

  it('[5.11] throttle and rateLimit', async () => {
    const limited = (limit: number, perMs: number) => (input: readonly SeenTick[]) => {
      const passed: number[] = []
      return input.flatMap(tick => {
        while (passed.length > 0 && passed[0]! + perMs <= tick.watermark) passed.shift()
        const counted = [...passed, tick.at]
        const most = Math.max(
          ...counted.map(from => counted.filter(at => at >= from && at < from + perMs).length),
        )
        if (most > limit) return []
        passed.push(tick.at)
        return [plain(tick)]
      })
    }
    await assertOperator(keyed => keyed.throttle('throttle', 2_000), limited(1, 2_000))
    await assertOperator(keyed => keyed.rateLimit('limit', { limit: 2, per: '2s' }), limited(2, 2_000))
  })

  it('[3.2] [5.11] debounce', async () => {
    const quietMs = 2_000
    await assertOperator(
      keyed => keyed.debounce('quiet', quietMs).map((v, { timestamp }) => [v.n, v.at, timestamp - t0]),
      input => {
        const results: number[][] = []
        let pending: { n: number; at: number; due: number } | undefined
        const settle = (watermark: number) => {
          if (pending === undefined || pending.due > watermark) return
          results.push([pending.n, pending.at, pending.due])
          pending = undefined
        }
        for (const { n, at, watermark } of input) {
          settle(watermark)
          if (pending === undefined || pending.at <= at)
            pending = { n, at, due: Math.max(at + quietMs, watermark) }
        }
        settle(Number.POSITIVE_INFINITY)
        return results
      },
    )
  })

  it('[3.2] [5.11] sample', async () => {
    const periodMs = 2_000
    await assertOperator(
      keyed => keyed.sample('sample', periodMs).map((v, { timestamp }) => [v.n, v.at, timestamp - t0]),
      input => {
        const endOf = (at: number) => (Math.floor((t0 + at) / periodMs) + 1) * periodMs - t0
        const ends = [...new Set(input.map(({ at }) => endOf(at)))].sort((a, b) => a - b)
        return ends.flatMap(end => {
          const own = input.filter(({ at, watermark }) => endOf(at) === end && watermark < end)
          const latest = own.reduce<SeenTick | undefined>(
            (a, b) => (a !== undefined && a.at > b.at ? a : b),
            undefined,
          )
          return latest === undefined ? [] : [[latest.n, latest.at, end - 1]]
        })
      },
    )
  })

  it('[5.11] sessionize', async () => {
    const gapMs = 1_000
    await assertOperator(
      keyed =>
        keyed
          .sessionize('sessions', gapMs)
          .map(({ value, session }) => [value.n, session.id, session.start - t0, session.position]),
      (input, key) => {
        let start = 0
        let position = 0
        let last = Number.NEGATIVE_INFINITY
        return inTime(input).map(({ n, at }) => {
          if (at - last > gapMs) [start, position] = [at, 0]
          last = at
          return [n, `${key}@${t0 + start}`, start, position++]
        })
      },
    )
  })

  it('[5.11] topK, exactly while the sketch has room for all', async () => {
    await assertOperator(
      keyed => keyed.topK('hitters', 2, { by: 'n', capacity: 5, every: '1h' }),
      input => {
        const counts = new Map<number, number>()
        for (const { n } of input) counts.set(n, (counts.get(n) ?? 0) + 1)
        const all = [...counts].map(([item, count]) => ({ item, count, error: 0 }))
        return input.length === 0 ? [] : [all.sort((a, b) => b.count - a.count).slice(0, 2)]
      },
    )
  })
})
