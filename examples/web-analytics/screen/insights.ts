import type { Journey } from '../topics.ts'
import { fit, number, type Paint, span } from './text.ts'

const LABEL_WIDTH = 15
const IP_WIDTH = 17

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
