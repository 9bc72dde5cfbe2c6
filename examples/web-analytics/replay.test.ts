import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type App, start } from 'millrace'
import { replay, type Timer } from './replay.ts'
import { accessLog } from './topics.ts'

const lineAt = (time: string) => `1.2.3.4 - - [17/May/2015:${time} +0000] "GET / HTTP/1.1" 200 1 "-" "x"`

async function* linesOf(times: readonly string[]) {
  for (const time of times) yield lineAt(time)
}

/** Time that passes only while somebody waits. */
class PatientTimer implements Timer {
  #now = 0
  readonly waits: number[] = []
  onWait: () => void = () => {}
  now = () => this.#now
  async sleep(ms: number, signal: AbortSignal | undefined) {
    this.waits.push(Math.round(ms))
    this.#now += ms
    this.onWait()
    signal?.throwIfAborted()
  }
}

describe('a replay', () => {
  let data: string
  let app: App
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'replay-'))
    app = await start([], { app: 'replay', data })
  })
  afterEach(async () => {
    await app.stop()
    await rm(data, { recursive: true })
  })
  const recordsSent = async () => (await app.log.offsets(accessLog.name))[0]!.latest

  it('waits as long as time moves on, and no longer for a long gap', async () => {
    const timer = new PatientTimer()
    const times = ['10:05:00', '10:05:09', '10:05:03', '10:05:18', '11:05:00', '23:05:00']
    await replay(app, linesOf(times), { speed: 1, timer })
    assert.deepEqual(timer.waits, [100, 100, 333, 333])
  })

  it('is faster at a higher speed', async () => {
    const timer = new PatientTimer()
    await replay(app, linesOf(['10:05:00', '10:05:09']), { speed: 10, timer })
    assert.deepEqual(timer.waits, [10])
  })

  it('does not wait at all at infinite speed', async () => {
    const timer = new PatientTimer()
    await replay(app, linesOf(['10:05:00', '10:05:09', '12:00:00']), {
      speed: Number.POSITIVE_INFINITY,
      timer,
    })
    assert.deepEqual(timer.waits, [])
    assert.equal(await recordsSent(), 4)
  })

  it('goes on behind the last line that is durable, and ends the input once', async () => {
    const timer = new PatientTimer()
    const stop = new AbortController()
    const times = ['10:05:00', '10:05:09', '10:05:18', '10:05:27']
    timer.onWait = () => {
      if (timer.waits.length === 2) stop.abort(new Error('enough'))
    }
    const options = { speed: 1, timer, signal: stop.signal }
    await assert.rejects(replay(app, linesOf(times), options), /enough/)
    assert.equal(await recordsSent(), 2)
    for (let i = 0; i < 2; i++) {
      await replay(app, linesOf(times), { speed: 1, timer: new PatientTimer() })
      assert.equal(await recordsSent(), times.length + 1)
    }
  })

  it('refuses to share its topic with another writer', async () => {
    const timer = new PatientTimer()
    timer.onWait = () => void app.send(accessLog, 'a stranger', { timestamp: Date.now() })
    const times = ['10:05:00', '10:05:09', '10:05:18', '10:05:27']
    await assert.rejects(replay(app, linesOf(times), { speed: 1, timer }), /Another process writes/)
  })
})
