import type { Report, VisitsReport } from './report.ts'
import { cells, number, type Paint, percent, span } from './screen/text.ts'

const ENDS_COUNT = 3
const FIGURES = [10, -9, -11, -11, -8, -10, -10, -10]
const ENDS = [12, 25, -7, 3, 25, -7]

const NOTES = [
  'A visit ends when nothing more comes for 30 minutes. Read: articles, blog,',
  'presentations or projects; read on: another page of them; a file: then a download.',
]

/** What people did: how many visits, how far they went, where they began and ended. */
export function visitsText({ visits }: Report, paint: Paint): string[] {
  if (visits.length === 0) return []
  return [
    '',
    paint('bold', 'Visits of people'),
    ...NOTES.map(note => paint('dim', note)),
    '',
    paint(
      'dim',
      cells(['day', 'visits', 'visitors', 'one page', 'mean', 'read', 'read on', 'a file'], FIGURES),
    ),
    ...visits.map(figures),
    '',
    paint('dim', cells(['day', 'began at', 'visits', '', 'ended at', 'visits'], ENDS)),
    ...visits.flatMap(ends),
  ]
}

function figures({ day, visits, visitors, onePage, meanMs, read, readOn, downloaded }: VisitsReport): string {
  return cells(
    [
      day,
      number(visits),
      number(visitors),
      percent(onePage, visits),
      span(meanMs),
      ...[read, readOn, downloaded].map(number),
    ],
    FIGURES,
  )
}

function ends({ day, topEntries, topExits }: VisitsReport): string[] {
  const height = Math.min(ENDS_COUNT, topEntries.length)
  return Array.from({ length: height }, (_, i) => {
    const [entry, exit] = [topEntries[i]!, topExits[i]]
    return cells(
      [
        i === 0 ? day : '',
        entry.name,
        number(entry.views),
        '',
        exit?.name ?? '',
        exit ? number(exit.views) : '',
      ],
      ENDS,
    )
  })
}
