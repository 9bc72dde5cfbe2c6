import type { Report, SectionsReport } from './report.ts'
import { bar } from './screen/bars.ts'
import { cells, number, type Paint, percent } from './screen/text.ts'

const SECTIONS_COUNT = 5
const BAR_WIDTH = 28

const FIGURES = [12, 16, -7, -10, -8]

/** The sections that people looked at most, per day. */
export function sectionsText({ sections }: Report, paint: Paint): string[] {
  if (sections.length === 0) return []
  return [
    '',
    paint('bold', 'Sections: views of people by part of the site'),
    '',
    paint('dim', cells(['day', 'section', 'views', 'visitors', 'share'], FIGURES)),
    ...sections.flatMap(day => rows(day, paint)),
  ]
}

function rows({ day, top }: SectionsReport, paint: Paint): string[] {
  const all = top.reduce((sum, { views }) => sum + views, 0)
  return top.slice(0, SECTIONS_COUNT).map(({ name, views, visitors }, i) => {
    const figures = [i === 0 ? day : '', name, number(views), number(visitors), percent(views, all)]
    const share = bar(views / all, BAR_WIDTH).trimEnd()
    return share === '' ? cells(figures, FIGURES) : `${cells(figures, FIGURES)}  ${paint('people', share)}`
  })
}
