import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Child } from '../log/embedded/testkit/children.ts'
import { directoryFor } from '../log/embedded/testkit/directory.ts'
import { Places } from './places.ts'

const placeProcess = new URL('./testkit/place-process.ts', import.meta.url)

function placesIn(t: TestContext, directory: string, instance?: string): Places {
  const places = new Places({ directory, cluster: 'c', instance })
  t.after(() => places.release())
  return places
}

describe('the places of a data directory', () => {
  it('[1.4] are the lowest that nobody has, and each comes back under its name', async t => {
    const directory = await directoryFor(t)
    const first = placesIn(t, directory)
    const [one, two] = [await first.take('app.p'), await placesIn(t, directory).take('app.p')]
    assert.match(one.instanceId, /^[0-9a-f]{16}-0$/)
    assert.equal(two.instanceId, one.instanceId.replace(/0$/, '1'))
    assert.equal(one.folder, join(directory, 'kafka', 'c', 'app.p', 'slot-0'))
    first.release()
    assert.deepEqual(await placesIn(t, directory).take('app.p'), one)
  })

  it('[1.4] are others in each group, cluster and directory', async t => {
    const directory = await directoryFor(t)
    const places = placesIn(t, directory)
    const other = new Places({ directory, cluster: 'd' })
    t.after(() => other.release())
    const taken = [await places.take('app.p'), await places.take('app.q'), await other.take('app.p')]
    assert.equal(new Set(taken.map(({ folder }) => folder)).size, 3)
    assert.equal(new Set(taken.map(({ instanceId }) => instanceId)).size, 1)
    const elsewhere = await placesIn(t, await directoryFor(t)).take('app.p')
    assert.notEqual(elsewhere.instanceId, taken[0]!.instanceId)
  })

  it('of a process that was killed are free at once', async t => {
    const directory = await directoryFor(t)
    const child = new Child(t, placeProcess, [directory])
    const { instanceId } = await child.told('taken')
    const beside = placesIn(t, directory)
    assert.notEqual((await beside.take('app.p')).instanceId, instanceId)
    await child.kill()
    assert.equal((await placesIn(t, directory).take('app.p')).instanceId, instanceId)
  })

  it('get one name when several processes are the first', async t => {
    const directory = await directoryFor(t)
    const taken = await Promise.all(Array.from({ length: 8 }, () => placesIn(t, directory).take('app.p')))
    const ids = taken.map(({ instanceId }) => instanceId)
    assert.equal(new Set(ids.map(id => id.split('-')[0])).size, 1)
    assert.equal(new Set(ids).size, 8)
    assert.deepEqual(readdirSync(directory).sort(), ['instance-id', 'kafka'])
  })

  it('can be chosen by name, and are then nobody else’s', async t => {
    const directory = await directoryFor(t)
    assert.equal((await placesIn(t, directory, 'box-7').take('app.p')).instanceId, 'box-7')
    await assert.rejects(placesIn(t, directory, 'box-7').take('app.p'), {
      message: new RegExp(`Process ${process.pid} on this machine runs app.p as instance "box-7" already`),
    })
    await assert.rejects(placesIn(t, directory, 'box 7').take('app.p'), /"box 7" cannot be an instance id/)
  })

  it('cannot be taken where nothing can be written, which names the way out', async t => {
    const directory = join(await directoryFor(t), 'data')
    await writeFile(directory, '')
    await assert.rejects(
      placesIn(t, directory).take('app.p'),
      /data cannot hold .*ENOTDIR.*Set data \(--data/,
    )
  })
})
