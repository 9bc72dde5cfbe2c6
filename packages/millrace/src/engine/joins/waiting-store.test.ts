import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ChangeSink } from '../../state/changelog.ts'
import { WindowStore } from '../../state/window-store.ts'
import { JoinBuffer, memoryOf, placeBytes } from './join-buffer.ts'
import { waitingDefinition, wholeOf } from './waiting-store.ts'

const bucketMs = 64
const key = Buffer.from('k')

function opened() {
  const store = new WindowStore(waitingDefinition('met', bucketMs, '', () => 1))
  return { store, buffer: new JoinBuffer(store, bucketMs) }
}

interface Change {
  readonly key: Buffer
  readonly value: Buffer | null
}

function changesOf(store: WindowStore): Change[] {
  const changes: Change[] = []
  const sink: ChangeSink = {
    append(_time, from, start, end, value, valueStart, valueEnd) {
      changes.push({
        key: Buffer.from(from.subarray(start, end)),
        value: value && Buffer.from(value.subarray(valueStart, valueEnd)),
      })
    },
  }
  store.writeChanges(sink, 0)
  return changes
}

/** The JSON in the row of the one key, behind the layout's version, the key's kind and one number. */
function jsonOf(store: WindowStore): string {
  const rows = changesOf(store).filter(each => each.key.length === 8 + placeBytes + key.length)
  assert.equal(rows.length, 1)
  return rows[0]!.value!.toString('utf8', 2 + 8)
}

function restored(changes: readonly Change[]) {
  const again = opened()
  for (const [offset, { key: k, value }] of changes.entries()) {
    const bytes = Buffer.concat([k, value ?? Buffer.alloc(0)])
    const valueStart = value === null ? -1 : k.length
    const change = {
      buffer: bytes,
      keyStart: 0,
      keyEnd: k.length,
      valueStart,
      valueEnd: bytes.length,
      offset,
    }
    again.store.apply(change, 0)
  }
  again.store.finishRestore()
  return again
}

const waitingIn = ({ buffer }: ReturnType<typeof opened>) =>
  [...buffer.all()].map(({ table, entry }) => {
    const memory = memoryOf(table)
    return [memory.timeOf(entry), memory.watermarkOf(entry), memory.isDone(entry), wholeOf(memory, entry)]
  })

const keepText = ({ buffer }: ReturnType<typeof opened>, text: string | Buffer, t = 10, w = 5) => {
  const bytes = Buffer.from(text)
  return buffer.addText(0, key, 0, key.length, t, w, false, bytes, 0, bytes.length)
}
const keepValue = ({ buffer }: ReturnType<typeof opened>, value: unknown, t = 10, w = 5) =>
  buffer.addValue(0, key, 0, key.length, t, w, true, value)

describe('the store of records that wait', () => {
  it('[2.6] writes texts as they came, and values as JSON, in the order they came', () => {
    const each = opened()
    keepText(each, '{ "a": 1.0, "b":"\\"é"}')
    keepValue(each, { b: [2] }, 11.5, Number.NEGATIVE_INFINITY)
    keepText(each, 'null', 12, -1)
    assert.equal(
      jsonOf(each.store),
      '[[[10,5,0,{ "a": 1.0, "b":"\\"é"}],[11.5,null,1,{"b":[2]}],[12,-1,0,null]]]',
    )
  })

  it('[2.6] reads both back', () => {
    const each = opened()
    keepText(each, '{"a":1,"a":-0}')
    keepText(each, Buffer.from([0x22, 0xc3, 0x22]))
    keepValue(each, { big: 7n }, 11, Number.NEGATIVE_INFINITY)
    assert.deepEqual(waitingIn(restored(changesOf(each.store))), [
      [10, 5, false, { a: -0 }],
      [10, 5, false, '\ufffd'],
      [11, Number.NEGATIVE_INFINITY, true, { big: 7n }],
    ])
  })

  it('[2.6] a text that reads like a packed value comes back as itself', () => {
    for (const text of ['{"\\u0000v8":"/w8="}', '{"\\u0000\\u0076\\u0038":"/w8="}']) {
      // Wherever in a word of memory it stands.
      for (let spaces = 0; spaces < 8; spaces++) {
        const each = opened()
        keepText(each, ' '.repeat(spaces) + text)
        assert.deepEqual(waitingIn(restored(changesOf(each.store))), [[10, 5, false, { '\u0000v8': '/w8=' }]])
      }
    }
  })

  it('a row that is read again replaces what it held', () => {
    const each = opened()
    keepText(each, '1')
    const first = changesOf(each.store)
    keepText(each, '2')
    const again = restored([...first, ...changesOf(each.store)])
    assert.deepEqual(
      waitingIn(again).map(([, , , v]) => v),
      [1, 2],
    )
  })

  it('takes out the first, the last and one between', () => {
    const each = opened()
    const places = ['0', '1', '2', '3', '4'].map(text => keepText(each, text))
    const left = () => waitingIn(each).map(([, , , v]) => v)
    for (const n of [2, 0, 4]) each.buffer.remove(places[n]!)
    assert.deepEqual(left(), [1, 3])
    for (const n of [3, 1]) each.buffer.remove(places[n]!)
    keepText(each, '5')
    assert.deepEqual(left(), [5])
  })

  it('uses the memory of what is dropped again, and says how much it has', () => {
    const each = opened()
    const text = JSON.stringify('x'.repeat(10_000))
    const sizes = Array.from({ length: 20 }, (_, n) => {
      keepText(each, text, n * bucketMs)
      keepValue(each, { n }, n * bucketMs)
      const size = each.store.byteLength
      each.store.drop(n * bucketMs)
      return size
    })
    assert.ok(sizes[0]! > text.length, 'texts are counted')
    assert.deepEqual(new Set(sizes), new Set([sizes[0]]))
  })
})
