import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CliError } from './cli-error.ts'
import { loadSettings } from './settings.ts'
import { testProject } from './testkit/project.ts'

const CONFIG = `import type { MillraceConfig } from 'millrace'
export default { app: 'from-config', data: 'var/log', threads: 2, pipelines: ['a/*.ts', 'b.ts'] }
`.replace(/^import.*\n/, '')

async function refusal(text: string): Promise<CliError> {
  using project = testProject({ 'millrace.config.ts': text })
  return await loadSettings({}, {}, project.directory).then(
    () => assert.fail('it was taken'),
    error => error,
  )
}

describe('settings', () => {
  it('come from package.json where nothing says otherwise', async () => {
    using project = testProject({ 'package.json': '{"name":"@acme/web shop"}', 'src/x.ts': '' })
    const settings = await loadSettings({}, {}, project.path('src'))
    assert.equal(settings.app, 'acme-web-shop')
    assert.equal(settings.data, project.path('.millrace'))
    assert.equal(settings.threads, undefined)
    assert.deepEqual(settings.pipelines, ['pipelines/*.ts'])
  })

  it('are read from millrace.config.ts, relative to it', async () => {
    using project = testProject({ 'millrace.config.ts': CONFIG, 'src/x.ts': '' })
    const { app, data, threads, pipelines } = await loadSettings({}, {}, project.path('src'))
    assert.deepEqual([app, data, threads], ['from-config', project.path('var/log'), 2])
    assert.deepEqual(pipelines, ['a/*.ts', 'b.ts'])
  })

  it('let environment variables go before the configuration, and flags before both', async () => {
    using project = testProject({ 'millrace.config.ts': CONFIG, 'src/x.ts': '' })
    const env = { MILLRACE_APP: 'from-env', MILLRACE_DATA: 'env-data', MILLRACE_THREADS: '3' }
    const cwd = project.path('src')
    const byEnv = await loadSettings({}, env, cwd)
    assert.deepEqual([byEnv.app, byEnv.data, byEnv.threads], ['from-env', project.path('src/env-data'), 3])
    const flags = { app: 'from-flag', data: '../flag-data', threads: '4' }
    const byFlag = await loadSettings(flags, env, cwd)
    assert.deepEqual([byFlag.app, byFlag.data, byFlag.threads], ['from-flag', project.path('flag-data'), 4])
  })

  it('refuse what means nothing, as wrong usage', async () => {
    const unknown = await refusal(`export default { pipeline: 'a.ts' }\n`)
    assert.match(unknown.message, /sets "pipeline", which means nothing/)
    assert.equal(unknown.exitCode, 2)
    assert.match((await refusal('export default { app: 1 }\n')).message, /app is of the wrong type/)
    assert.match(
      (await refusal('export default { threads: 0 }\n')).message,
      /threads in the configuration is 0/,
    )
    assert.match((await refusal('export const app = 1\n')).message, /no configuration as its default export/)
    assert.match((await refusal(`export default { app: 'a.b' }\n`)).message, /cannot be an app's name/)
  })

  it('take the name of the process and the number of copies from flags, environment and configuration', async () => {
    using project = testProject({ 'millrace.config.ts': `export default { instance: 'c', standbys: 1 }\n` })
    const read = async (flags: object, env: Record<string, string>) => {
      const { instance, standbys } = await loadSettings(flags, env, project.directory)
      return [instance, standbys]
    }
    const env = { MILLRACE_INSTANCE: 'e', MILLRACE_STANDBYS: '2' }
    assert.deepEqual(await read({}, {}), ['c', 1])
    assert.deepEqual(await read({}, env), ['e', 2])
    assert.deepEqual(await read({ instance: 'f', standbys: '0' }, env), ['f', 0])
    await assert.rejects(read({ standbys: '-1' }, {}), /--standbys is "-1"/)
  })

  it('take the guarantee and the commit interval from flags, environment and configuration', async () => {
    const config = `export default { guarantee: 'at-least-once', commitInterval: '2s' }\n`
    using project = testProject({ 'millrace.config.ts': config })
    const read = async (flags: object, env: Record<string, string>) => {
      const { guarantee, commitIntervalMs } = await loadSettings(flags, env, project.directory)
      return [guarantee, commitIntervalMs]
    }
    const env = { MILLRACE_GUARANTEE: 'exactly-once', MILLRACE_COMMIT_INTERVAL: '50ms' }
    assert.deepEqual(await read({}, {}), ['at-least-once', 2000])
    assert.deepEqual(await read({}, env), ['exactly-once', 50])
    assert.deepEqual(await read({ guarantee: 'at-least-once', commitInterval: '1m' }, env), [
      'at-least-once',
      60_000,
    ])
    await assert.rejects(read({ guarantee: 'at-most-once' }, {}), {
      message: '--guarantee is "at-most-once"',
      wayOut: 'exactly-once or at-least-once',
      exitCode: 2,
    })
    await assert.rejects(read({ commitInterval: '0s' }, {}), /--commit-interval is "0s"/)
    await assert.rejects(read({ commitInterval: 'soon' }, {}), /--commit-interval: 'soon' is not a duration/)
  })

  it('show where a configuration does not load', async () => {
    const error = await refusal(`\nimport { x } from './y'\n`)
    assert.equal(error.place, 'millrace.config.ts:2:20')
  })
})
