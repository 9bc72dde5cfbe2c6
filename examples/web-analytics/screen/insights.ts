import type { Journey, RisingPages, SectionViews, Suspect } from '../topics.ts'
import { clockTime, fit, number, type Paint, span } from './text.ts'

const LABEL_WIDTH = 15
const IP_WIDTH = 17

/** What people have looked at today by section of the site, the most viewed first. */
export function sectionsToday(sections: readonly SectionViews[], width: number, paint: Paint): string[] {
  const shown = sections.toSorted((a, b) => b.views - a.views || (a.key < b.key ? -1 : 1))
  const items = shown.map(({ key, views }) => `${key} ${number(views)}`)
  return [labelled('sections today', items, width, paint)]
}

/** The pages that rose most in the last hour. */
export function risingNow(rising: RisingPages | undefined, width: number, paint: Paint): string[] {
  const rises = (rising?.top ?? []).map(({ name, views, before }) => `${name} ${before} → ${views}`)
  const since = rising === undefined ? '' : ` ${clockTime(rising.start)}`
  return [labelled(`rising${since}`, rises, width, paint)]
}

/** How many addresses behaved like programs. */
export function botsSoFar(suspects: readonly Suspect[], width: number, paint: Paint): string[] {
  const addresses = (some: readonly Suspect[]) => new Set(some.map(({ key }) => key)).size
  const quiet = addresses(suspects.filter(({ saysSo }) => !saysSo))
  const figures = [
    `${number(addresses(suspects))} addresses by what they do`,
    `${number(quiet)} of them do not say so`,
  ]
  return [labelled('bots', suspects.length === 0 ? [] : figures, width, paint)]
}

/** Items behind a label, as many as fit. */
function labelled(name: string, items: readonly string[], width: number, paint: Paint): string {
  const room = width - LABEL_WIDTH
  let text = items[0] ?? '–'
  for (const item of items.slice(1)) {
    if (`${text} · ${item}`.length > room) break
    text += ` · ${item}`
  }
  return label(name, paint) + fit(text, room)
}

/** The ways of the visits that ended last, the newest first. */
export function latestVisits(
  journeys: readonly Journey[],
  count: number,
  width: number,
  paint: Paint,
): string[] {
  const shown = journeys.slice(-count).reverse()
  return shown.map(
    (journey, i) => label(i === 0 ? 'latest visits' : '', paint) + way(journey, width - LABEL_WIDTH),
  )
}

function way({ key, path, pages, durationMs }: Journey, width: number): string {
  const figures = `${number(pages).padStart(4)} ${pages === 1 ? 'page ' : 'pages'} ${span(durationMs).padStart(6)}`
  const rest = pages > path.length ? ' → …' : ''
  return fit(key, IP_WIDTH) + fit(path.join(' → ') + rest, width - IP_WIDTH - figures.length) + figures
}

function label(text: string, paint: Paint): string {
  return paint('dim', fit(text, LABEL_WIDTH))
}
