import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { countColumn, definitionOf, layoutOf, replay, TestChangelog, WALL_MS } from './fixtures.test.ts'
import { WindowStore } from './window-store.ts'

const newStore = () => new WindowStore(definitionOf(layoutOf('windows', [countColumn])))

describe('the close marker', () => {
  it('[2.6] is written again before all that said how far windows have closed is trimmed', async () => {
    const store = newStore()
    const log = new TestChangelog()
    const commit = () => store.acknowledge(log.commit(sink => store.writeChanges(sink, WALL_MS)))
    for (const start of [10, 20]) {
      const table = store.tableFor(start)
      table.touch(table.upsert(Buffer.from('a'), 0, 1))
    }
    commit()
    store.drop(10)
    commit()
    const aim = log.offsetEnd
    while (store.rewriteOlderThan(aim, 10) > 0) commit()
    assert.equal(store.trimOffset(), aim)
    const restored = newStore()
    await replay(restored, log.batches, aim)
    restored.finishRestore()
    assert.equal(restored.closedBelow, 11)
    assert.deepEqual(restored.starts, [20])
  })
})
