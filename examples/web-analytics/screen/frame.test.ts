import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { Traffic } from '../topics.ts'
import { bar, chart } from './bars.ts'
import { frame, hourLine, type View } from './frame.ts'
import { colored, fit, plain, size } from './text.ts'

const HOUR_MS = 3_600_000
const begin = Date.UTC(2015, 4, 17, 10)

const hour = (i: number, peopleRequests: number, botRequests: number): Traffic => ({
  key: 'all',
  start: begin + i * HOUR_MS,
  end: begin + (i + 1) * HOUR_MS,
  requests: peopleRequests + botRequests,
  visitors: 7,
  bytes: 1_234_567,
  p95Bytes: null,
  peopleRequests,
  peopleVisitors: 4,
  botRequests,
  botVisitors: 3,
  '1xx': 0,
  '2xx': peopleRequests,
  '3xx': 0,
  '4xx': botRequests,
  '5xx': 0,
  notFound: 1,
})

const visit = { key: '1.2.3.4', start: begin, end: begin, exit: '/c', steps: 0 }

const size80 = { columns: 80, rows: 24 }

const view = (hours: readonly Traffic[]): View => ({
  hours,
  topPages: {
    start: begin,
    end: begin + HOUR_MS,
    top: [{ name: `/${'x'.repeat(200)}`, views: 1234, visitors: 5 }],
  },
  topReferrers: undefined,
  sections: [
    { key: 'projects', start: begin, end: begin + HOUR_MS, views: 12, visitors: 5 },
    { key: 'blog', start: begin, end: begin + HOUR_MS, views: 1234, visitors: 5 },
    { key: '\x1b[31mz'.repeat(30), start: begin, end: begin + HOUR_MS, views: 1, visitors: 1 },
  ],
  rising: {
    start: begin,
    end: begin + HOUR_MS,
    top: [
      { name: '/\x1b[31mup', views: 7, before: 2 },
      { name: `/${'y'.repeat(200)}`, views: 5, before: 4 },
    ],
  },
  suspects: [
    { key: '1.1.1.1', start: begin, end: begin, pages: 9, why: 'pages alone', saysSo: false },
    { key: '1.1.1.1', start: begin, end: begin, pages: 0, why: 'robots.txt', saysSo: false },
    { key: '2.2.2.2', start: begin, end: begin, pages: 0, why: 'robots.txt', saysSo: true },
  ],
  journeys: [
    { ...visit, path: ['/'], pages: 1, durationMs: 0 },
    { ...visit, path: ['/a', '/\x1b[31mb', '/c'], pages: 3, durationMs: 40_000 },
  ],
  notFound: [{ at: begin, page: '/\x1b[31mno\r', ip: '1.2.3.4', referrer: null, bot: true }],
  brokenLines: 1,
  linesTotal: 100,
  linesPerSecond: 12.3,
  lag: 0,
  watermark: begin,
})

describe('the screen', () => {
  it('fits into 80 columns and 23 lines, whatever there is to show', () => {
    const many = Array.from({ length: 200 }, (_, i) => hour(i, i * 1000, i * 100))
    for (const hours of [[], [hour(0, 1, 0)], many]) {
      const lines = frame(view(hours), size80, plain)
      assert.ok(lines.length <= 23, String(lines.length))
      for (const line of lines) assert.ok(line.length < 80, line)
    }
  })

  it('shows more of everything where there is room', () => {
    const [small, tall] = [24, 50].map(rows => frame(view([hour(0, 1, 0)]), { columns: 100, rows }, plain))
    assert.ok(tall!.length > small!.length)
    assert.deepEqual(
      [small, tall].map(lines => lines!.filter(line => line.includes('1.2.3.4  ')).length),
      [1, 2],
    )
  })

  it('shows the sections by views, as far as they fit', () => {
    const shown = frame(view([hour(0, 3, 1)]), size80, plain).join('\n')
    assert.match(shown, /sections today blog 1,234 · projects 12 +\n/)
  })

  it('shows what rises, and who behaves like a bot, as far as it fits', () => {
    const shown = frame(view([hour(0, 3, 1)]), size80, plain).join('\n')
    assert.match(shown, /rising 10:00 +\/·\[31mup 2 → 7 +\n/)
    assert.match(shown, /bots +2 addresses by what they do · 1 of them do not say so /)
  })

  it('shows the way of the latest visit', () => {
    const shown = frame(view([hour(0, 3, 1)]), size80, plain).join('\n')
    assert.match(shown, /latest visits {2}1\.2\.3\.4 +\/a → \/·\[31mb → \/c +3 pages +40 s/)
  })

  it('lets no control character of a log through', () => {
    const shown = frame(view([hour(0, 3, 1)]), size80, plain).join('')
    assert.doesNotMatch(shown, /\p{Cc}/u)
    assert.match(shown, /404 {2}10:00 {2}\/·\[31mno·/)
  })

  it('is the same in colour, but for the colours', () => {
    const hours = [hour(0, 8, 0), hour(1, 0, 8), hour(3, 3, 1)]
    const withColors = frame(view(hours), size80, colored).map(stripVTControlCharacters)
    const without = frame(view(hours), size80, plain)
    assert.deepEqual(withColors, without)
  })

  it('has an empty column for an hour in which nobody came', () => {
    const lines = frame(view([hour(0, 8, 0), hour(2, 8, 0)]), size80, plain)
    assert.ok(lines.some(line => line === '█ █'))
  })

  it('says in a line what an hour was like', () => {
    assert.equal(
      hourLine(hour(0, 30, 10)),
      'Sun 17 May 2015 10:00  40 requests  7 visitors  1.2 MB  people 75 %  bots 25 %  1 not found',
    )
  })
})

describe('bars', () => {
  it('are as long as their share, to an eighth of a column', () => {
    assert.deepEqual(
      [0, 0.5, 9 / 32, 1, 7].map(share => bar(share, 4)),
      ['    ', '██  ', '█▏  ', '████', '████'],
    )
  })

  it('stand on each other', () => {
    const mark = (color: string, text: string) => `${color[0]}${text}`
    assert.deepEqual(chart([{ lower: 12, upper: 4 }], 16, 2, mark), ['p▄', 'p█'])
    assert.deepEqual(chart([{ lower: 0, upper: 4 }], 16, 2, mark), [' ', 'b▄'])
    assert.deepEqual(chart([{ lower: 12, upper: 4 }], 16, 2, plain), ['█', '█'])
  })
})

describe('texts', () => {
  it('are cut where they do not fit', () => {
    assert.deepEqual([fit('abc', 5), fit('abcdef', 4), fit('abc', 0)], ['abc  ', 'abc…', '…'])
  })

  it('give sizes in units', () => {
    assert.deepEqual([null, 0, 999, 1000, 99_940, 99_960, 5.5e15].map(size), [
      '–',
      '0 B',
      '999 B',
      '1.0 kB',
      '99.9 kB',
      '100 kB',
      '5500 TB',
    ])
  })
})
