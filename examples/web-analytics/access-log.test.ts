import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { accessLogLine, parseLine, timeOf } from './access-log.ts'

const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:27.0) Gecko/20100101 Firefox/27.0'
const LINE =
  '83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /blog/?flav=rss20 HTTP/1.1" 200 203023 ' +
  `"http://www.Google.com/search?q=x" "${AGENT}"`

const changed = (from: string, to: string) => {
  assert.ok(LINE.includes(from))
  return LINE.replace(from, to)
}

describe('a line of an access log', () => {
  it('is read as a request', () => {
    assert.deepEqual(parseLine(LINE), {
      at: Date.UTC(2015, 4, 17, 10, 5, 3),
      ip: '83.149.9.216',
      page: '/blog/',
      status: 200,
      bytes: 203023,
      referrer: 'www.google.com',
      bot: false,
    })
  })

  it('may have come over a network or from Windows', () => {
    assert.deepEqual(parseLine(`${LINE}\r`), parseLine(LINE))
  })

  it('has no size where the server logged a dash, which is not 0', () => {
    assert.equal(parseLine(changed('203023', '-')).bytes, null)
    assert.equal(parseLine(changed('203023', '0')).bytes, 0)
  })

  it('has its time in UTC, whatever zone it was logged in', () => {
    assert.equal(parseLine(changed('+0000', '+0530')).at, Date.UTC(2015, 4, 17, 4, 35, 3))
    assert.equal(parseLine(changed('+0000', '-0100')).at, Date.UTC(2015, 4, 17, 11, 5, 3))
  })

  it('has no page where the request line is none', () => {
    for (const request of ['-', String.raw`\x16\x03\x01`, 'GET', 'GET /', ''])
      assert.equal(parseLine(changed('GET /blog/?flav=rss20 HTTP/1.1', request)).page, null, request)
  })

  it('has escaped quotes inside its quotes', () => {
    assert.equal(parseLine(changed('/blog/?', String.raw`/a\"b?`)).page, String.raw`/a\"b`)
  })

  it('names only other sites as referrers', () => {
    const referrer = (text: string) => parseLine(changed('http://www.Google.com/search?q=x', text)).referrer
    assert.equal(referrer('-'), null)
    assert.equal(referrer('http://semicomplete.com/'), null)
    assert.equal(referrer('http://www.semicomplete.com/blog'), null)
    assert.equal(referrer('http://notsemicomplete.com'), 'notsemicomplete.com')
    assert.equal(referrer('android-app://x'), null)
  })

  it('comes from a bot when the agent says so, or nothing', () => {
    const isBot = (agent: string) => parseLine(changed(AGENT, agent)).bot
    for (const agent of [
      '-',
      '',
      'Googlebot-Image/1.0',
      'Tiny Tiny RSS/1.11 (http://tt-rss.org/)',
      'curl/7.35',
    ])
      assert.equal(isBot(agent), true, agent)
    for (const agent of ['Opera/9.80 (X11; Linux x86_64) Presto/2.12', 'SAMSUNG-GT-E2232/1.0'])
      assert.equal(isBot(agent), false, agent)
  })

  it('is broken at the first field that is not as it should be', () => {
    const broken: [line: string, reason: RegExp][] = [
      ['', /address/],
      ['83.149.9.216', /identity/],
      [changed('[17/May/2015:10:05:03 +0000]', 'now'), /the time is broken/],
      [changed('17/May', '31/Feb'), /time is not a date/],
      [changed('10:05:03', '25:05:03'), /time is not a date/],
      [changed('"GET', 'GET'), /request/],
      [changed(' 200 ', ' OK '), /status/],
      [changed(' 200 ', ' 999 '), /status/],
      [changed('203023', '-1'), /size/],
      [changed('"http:', 'http:'), /referrer/],
      [LINE.slice(0, -1), /agent/],
      [`${LINE} more`, /end of the line/],
    ]
    for (const [line, reason] of broken)
      assert.throws(
        () => parseLine(line),
        { name: 'BrokenLine', reason: 'broken-line', message: reason },
        line,
      )
  })

  it('keeps its time when it is broken further on', () => {
    assert.equal(timeOf(LINE.slice(0, 60)), Date.UTC(2015, 4, 17, 10, 5, 3))
    assert.equal(timeOf('nothing'), undefined)
  })

  it('is written as it is', () => {
    const bytes = accessLogLine.serialize(LINE)
    assert.equal(new TextDecoder().decode(bytes), LINE)
    assert.deepEqual(accessLogLine.deserialize(bytes, 0, bytes.length), parseLine(LINE))
  })

  it('is broken once in the log of this example, and without a size 669 times', () => {
    const lines = readFileSync(new URL('data/apache_access.log', import.meta.url), 'utf8')
      .trimEnd()
      .split('\n')
    const requests = lines.flatMap(line => {
      try {
        return [parseLine(line)]
      } catch {
        return []
      }
    })
    assert.equal(lines.length - requests.length, 1)
    assert.equal(requests.filter(({ bytes }) => bytes === null).length, 669)
  })
})
