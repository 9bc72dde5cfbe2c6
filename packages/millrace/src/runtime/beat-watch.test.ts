import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../std/clock.ts'
import { BeatWatch } from './beat-watch.ts'

function watched(): { clock: VirtualClock; beat(): void; readonly silences: number; watch: BeatWatch } {
  const clock = new VirtualClock()
  let beats = 0
  let silences = 0
  const watch = new BeatWatch({
    clock,
    beats: () => beats,
    silenceMsMax: 8_000,
    onSilent: () => {
      silences++
    },
  })
  return {
    clock,
    watch,
    beat: () => {
      beats++
    },
    get silences() {
      return silences
    },
  }
}

describe('the watch over a thread', () => {
  it('[1.3] tells once of one that has stood still for so long', () => {
    const thread = watched()
    thread.clock.advance(7_999)
    assert.equal(thread.silences, 0)
    thread.clock.advance(1)
    thread.clock.advance(60_000)
    assert.equal(thread.silences, 1)
  })

  it('[1.3] lets one go on for ever that moves', () => {
    const thread = watched()
    for (let i = 0; i < 100; i++) {
      thread.clock.advance(7_000)
      thread.beat()
    }
    assert.equal(thread.silences, 0)
  })

  it('[1.3] does not blame a thread for a stretch in which the watch stood still too', () => {
    const clock = new VirtualClock()
    let elapsedMs = 0
    let silences = 0
    const jumping = { ...clock, now: () => 0, monotonic: () => elapsedMs, after: clock.after.bind(clock) }
    new BeatWatch({ clock: jumping, beats: () => 0, silenceMsMax: 8_000, onSilent: () => silences++ })
    elapsedMs = 3_600_000
    clock.advance(1_000)
    assert.equal(silences, 0)
  })

  it('stops when it is told to', () => {
    const thread = watched()
    thread.watch.stop()
    thread.clock.advance(60_000)
    assert.deepEqual([thread.silences, thread.clock.pending], [0, 0])
  })
})
