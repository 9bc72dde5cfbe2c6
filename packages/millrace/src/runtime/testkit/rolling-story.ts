import assert from 'node:assert/strict'
import { type RollingStage, warnings } from './rolling-stage.ts'

/**
 * A rolling restart: newer code with a column more joins older code, dies, comes again, and takes everything over; what it has had the
 * older one never gets again, although it lives. At each step it is looked at who has what, and in the end at every row.
 */
export async function rollingStory(stage: RollingStage, newerThreads?: number): Promise<void> {
  const threads = newerThreads === undefined ? {} : { threads: newerThreads }
  const old = await stage.running('old')
  await stage.send(5)
  await stage.counted()

  const newer = await stage.running('new', threads)
  await stage.shared(old, newer)
  await stage.send(5)
  await stage.counted()
  const [had, kept] = [await stage.has(newer), await stage.has(old)]

  await newer.kill()
  await stage.until('what it had is nobody’s', async () => (await stage.group()).barred.length > 0)
  assert.deepEqual((await stage.group()).barred.map(({ partition }) => partition).sort(), had)
  await stage.send(5)
  await stage.counted(kept)
  assert.deepEqual(await stage.has(old), kept)
  await stage.until('the old one says so', async () => /no member of .* may have .*hits/.test(warnings(old)))

  const next = await stage.running('new', threads)
  await stage.shared(old, next)
  assert.deepEqual(
    (await stage.has(next)).filter(each => had.includes(each)),
    had,
  )
  await stage.counted()

  await old.stop()
  await stage.until('everything is with the new one', async () => (await stage.has(next)).length === 4)
  const late = await stage.running('old')
  await stage.send(5)
  await stage.counted()
  assert.match(warnings(late), /newer code has been at work behind/)
  assert.deepEqual(await stage.has(late), [])
  assert.equal((await stage.has(next)).length, 4)
  assert.deepEqual(await stage.writers(), ['old new', 'old new', 'old new', 'old new'])
  await late.stop()
  await next.stop()
}

/** Nobody runs the newer code any more, and the older one starts: it is refused, until somebody says that it is meant. */
export async function rollbackStory(stage: RollingStage): Promise<void> {
  for (const version of ['old', 'new'] as const) {
    const process = await stage.running(version)
    await stage.send(2)
    await stage.counted()
    await process.stop()
  }
  const refused = await stage.launch('old')
  const { message } = await refused.told('refused')
  assert.match(String(message), /pipeline "hits": newer code has been at work behind .*hits.*--rollback/)
  assert.match(String(message), /column "per-user.total" removed: what it held is dropped/)
  const back = await stage.running('old', { rollback: true })
  await stage.send(2)
  await stage.counted()
  await back.stop()
  // It is the newest from now on, and the one before it has to be wanted, too.
  const again = await stage.running('old')
  await again.stop()
  await (await stage.launch('new')).told('refused')
  await stage.counted()
  assert.deepEqual(await stage.writers(), ['old new old', 'old new old', 'old new old', 'old new old'])
}

/** Other callbacks over the same state: everything may be anywhere. */
export async function rewrittenStory(stage: RollingStage): Promise<void> {
  const old = await stage.running('old')
  await stage.send(2)
  await stage.counted()
  const rewritten = await stage.running('rewritten')
  await stage.shared(old, rewritten)
  await stage.send(2)
  await stage.counted()
  await rewritten.stop()
  await stage.until('the old one has all of it again', async () => (await stage.has(old)).length === 4)
  await stage.send(2)
  await stage.counted()
  assert.equal(warnings(old), '')
  await stage.check()
  const writers = await stage.writers()
  assert.deepEqual([...new Set(writers)].sort(), ['old', 'old rewritten old'])
  await old.stop()
}
