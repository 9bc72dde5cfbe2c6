import assert from 'node:assert/strict'
import type { CommandResult } from './command-line.ts'

/** Files of a project whose pipeline `visits` exists in three versions; `prefix` begins the names of its topics. */
export function visitsProject(prefix: string): Record<string, string> {
  const version = (step: string, keyBy = 'url') => `import { count, pipeline } from 'millrace'
import { views, counts } from '../topics.ts'
export default pipeline('visits', p => {
  p.from(views).keyBy('${keyBy}').aggregate('${step}', { n: count() }).emit('updates').to(counts)
})
`
  return {
    'topics.ts': `import { topic, json } from 'millrace'
export const views = topic('${prefix}views', { value: json<{ url: string; user: string }>(), partitions: 2 })
export const counts = topic('${prefix}counts', { value: json<{ n: number }>() })
`,
    'versions/first.ts': version('per-url'),
    'versions/renamed.ts': version('pages'),
    'versions/rekeyed.ts': version('pages', 'user'),
    'view.ndjson': '{"url":"/","user":"ada"}\n',
  }
}

/** How a pipeline is changed from its first start on: what is told, refused, taken along and dropped. */
export async function changeStory(
  prefix: string,
  run: (...argv: string[]) => Promise<CommandResult>,
): Promise<void> {
  const good = async (...argv: string[]) => {
    const result = await run(...argv)
    assert.equal(result.exitCode, 0, `${argv.join(' ')}: ${result.stderr}`)
    return result
  }
  const produce = () => good('produce', `${prefix}views`, 'view.ndjson')
  const counted = async () =>
    (await good('consume', `${prefix}counts`, '--json')).stdout
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line).value.n)

  await good('topics', 'create', `${prefix}views`)
  await good('topics', 'create', `${prefix}counts`)
  const unknown = await run('describe', 'versions/first.ts', '--diff')
  assert.match(unknown.stderr, /visits has not run here|There are no data/)
  await produce()
  await good('run', 'versions/first.ts', '--once')
  assert.match((await good('describe', 'versions/first.ts', '--diff')).stderr, /visits is as it last ran/)

  const diff = (await good('describe', 'versions/renamed.ts', '--diff')).stdout
  assert.match(
    diff,
    /^store "pages" renamed \(it looks like "per-url", which is gone\): .*refused: .*millrace rename/,
  )
  const refused = await run('run', 'versions/renamed.ts', '--once')
  assert.equal(refused.exitCode, 1)
  assert.match(refused.stderr, /does not fit the state it left: store "pages" renamed/)
  assert.match(refused.stderr, /millrace rename visits per-url pages/)

  const wrong = await run('rename', 'visits', 'per-page', 'pages', '--yes')
  assert.match(wrong.stderr, /No state of a step per-page is stored[\s\S]*per-url/)
  assert.match(
    (await good('rename', 'visits', 'per-url', 'pages', '--yes')).stderr,
    /Renamed per-url to pages, with [1-9]/,
  )
  await produce()
  await good('run', 'versions/renamed.ts', '--once')
  assert.deepEqual(await counted(), [1, 2])

  const rekeyed = await run('run', 'versions/rekeyed.ts', '--once')
  assert.match(rekeyed.stderr, /store "pages" changed \(keyed by url.repartition, now user.repartition\)/)
  assert.match((await good('reset', 'visits', '--step', 'pages', '--yes')).stderr, /Reset pages: empty/)
  await produce()
  await good('run', 'versions/rekeyed.ts', '--once')
  assert.deepEqual(await counted(), [1, 2, 1])

  await good('reset', 'visits', '--yes')
  await good('run', 'versions/first.ts', '--once')
  assert.deepEqual((await counted()).slice(3), [1, 2, 3])
}
