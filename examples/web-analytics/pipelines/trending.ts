import { custom, hopping, pipeline, type SourceOptions, tumbling } from 'millrace'
import type { Request } from '../access-log.ts'
import { isPage } from '../site.ts'
import { accessLog, type Rise, risingPages } from '../topics.ts'

const STEP_MS = 600_000
const HOUR_MS = 6 * STEP_MS

/** Every ten minutes: the pages that people looked at more often within the last hour than in the one before. */
export const trending = (input: SourceOptions) =>
  pipeline('trending', { maxFailureRate: 1 }, p => {
    p.from(accessLog, input)
      .filter(r => !r.bot && r.page !== null && isPage(r.page))
      .keyBy('page')
      // Both hours in one window, so that each rise is one row and needs no memory of another.
      .window(hopping('2h', { advance: '10m', grace: '1m' }))
      .aggregate('views-in-two-hours', { perStep })
      .emit('final')
      .map(({ key, start, perStep }) => ({ name: key, ...halves(perStep, start + HOUR_MS) }))
      .filter(({ views, before }) => views > before)
      .keyBy('hour', 'start')
      // All rows of one hour have the same time, so one of these windows holds them; none comes late, since the watermark waits.
      .window(tumbling('10m'))
      .aggregate('rising', { top: steepest })
      .emit('final')
      .map(({ key, top }) => ({ start: key, end: key + HOUR_MS, top }))
      .to(risingPages)
  })

type PerStep = Record<string, number>

/** Views by the beginning of their ten minutes. */
const perStep = custom<Request, PerStep>({
  version: 1,
  init: () => ({}),
  add: (views, { at }) => plus(views, String(Math.floor(at / STEP_MS) * STEP_MS), 1),
  merge: (a, b) => Object.entries(b).reduce((sum, [step, n]) => plus(sum, step, n), { ...a }),
})

function plus(views: PerStep, step: string, n: number): PerStep {
  views[step] = (views[step] ?? 0) + n
  return views
}

/** The views from `start` on, and those before. */
function halves(views: Readonly<PerStep>, start: number) {
  const sumOf = (isCounted: (step: number) => boolean) =>
    Object.entries(views).reduce((sum, [step, n]) => (isCounted(Number(step)) ? sum + n : sum), 0)
  return { start, views: sumOf(step => step >= start), before: sumOf(step => step < start) }
}

const steepest = custom<Rise & { start: number }, Rise[]>({
  version: 1,
  init: () => [],
  add: (top, { name, views, before }) => [...top, { name, views, before }].sort(byRise).slice(0, 10),
})

/** The steepest first, then the one with more views, then by name. */
export function byRise(a: Rise, b: Rise): number {
  return b.views - b.before - (a.views - a.before) || b.views - a.views || (a.name < b.name ? -1 : 1)
}
