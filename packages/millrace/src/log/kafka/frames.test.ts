import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isPadded } from '../../record/batch.ts'
import { BufferPool } from '../../std/buffer-pool.ts'
import { type Frame, FrameReader } from './frames.ts'

function stream(bodies: readonly string[]): Buffer {
  return Buffer.concat(
    bodies.flatMap(body => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(body.length)
      return [length, Buffer.from(body)]
    }),
  )
}

/** Feeds `bytes` in pieces of at most `pieceBytes`, as a socket would. */
function feed(reader: FrameReader, bytes: Buffer, pieceBytes: number): void {
  for (let at = 0; at < bytes.length; ) {
    const target = reader.target()
    const count = bytes.copy(target, 0, at, at + Math.min(pieceBytes, target.length))
    reader.accept(count)
    at += count
  }
}

describe('frames', () => {
  it('come out whole, wherever the stream is cut', () => {
    const bodies = ['four', 'x'.repeat(300), 'y'.repeat(10_000), 'and the last']
    for (const pieceBytes of [1, 2, 3, 4, 5, 7, 299, 300, 5000, 1 << 20]) {
      const frames: string[] = []
      feed(
        new FrameReader(new BufferPool(), frame => frames.push(frame.bytes.toString())),
        stream(bodies),
        pieceBytes,
      )
      assert.deepEqual(frames, bodies, `in pieces of ${pieceBytes}`)
    }
  })

  it('may be larger than any scratch, and have readable bytes behind them', () => {
    const frames: Frame[] = []
    const body = 'z'.repeat(3_000_001)
    feed(new FrameReader(new BufferPool(), frame => frames.push(frame)), stream([body, 'tail']), 65_536)
    assert.equal(frames.length, 2)
    assert.ok(frames[0]!.bytes.equals(Buffer.from(body)))
    assert.ok(frames.every(frame => isPadded(frame.bytes)))
  })

  it('use the memory of a released one again, and never that of one in use', () => {
    const frames: Frame[] = []
    const reader = new FrameReader(new BufferPool(), frame => frames.push(frame))
    feed(reader, stream(['first', 'second']), 100)
    assert.notEqual(frames[0]!.bytes.buffer, frames[1]!.bytes.buffer)
    frames[0]!.release()
    feed(reader, stream(['third']), 100)
    assert.equal(frames[2]!.bytes.buffer, frames[0]!.bytes.buffer)
    assert.equal(frames[1]!.bytes.toString(), 'second')
  })

  it('are not made of what another protocol says', () => {
    const reader = new FrameReader(new BufferPool(), () => {})
    assert.throws(() => feed(reader, Buffer.from('HTTP/1.1 400 Bad Request'), 100), /no Kafka/)
  })
})
