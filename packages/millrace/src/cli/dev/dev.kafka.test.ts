import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { testBrokers } from '../../log/kafka/testkit/brokers.ts'
import { openLog } from '../open-log.ts'
import { commandLine } from '../testkit/command-line.ts'
import { CliProcess } from '../testkit/process.ts'
import { testProject } from '../testkit/project.ts'
import { viewLines } from '../testkit/shop.ts'

const files = (topic: string) => ({
  'topics.ts': `import { json, topic } from 'millrace'
type View = { visitor: string; url: string; ms: number; at: number }
export const views = topic('${topic}', { value: json<View>(), key: v => v.visitor, timestamp: v => v.at, partitions: 2 })
`,
  'millrace.config.ts': `import { defineConfig } from 'millrace'
export default defineConfig({ brokers: 'nowhere.invalid:1', kafka: { 'client.id': 'dev-' + process.pid } })
`,
  'pipelines/counting.ts': counting('old'),
})

const counting = (word: string) => `import { count, pipeline } from 'millrace'
import { views } from '../topics.ts'
export default pipeline('counting', p => {
  p.from(views).byKey().aggregate('per-visitor', { n: count() }).emit('updates').print(row => '${word} ' + row?.n)
})
`

describe('millrace dev on Kafka', { timeout: 180_000 }, () => {
  it('[8.2] runs where --brokers says, and a reload goes on from what the old process committed', async () => {
    const app = `dev-${crypto.randomUUID().slice(0, 8)}`
    using project = testProject(files(app))
    const brokers = testBrokers()
    const produce = () =>
      commandLine(project.directory, ['produce', app, '--brokers', brokers], { stdin: viewLines(1), openLog })
    const argv = ['dev', '--app', app, '--brokers', brokers, '--create-topics']
    await using cli = new CliProcess(project.directory, argv)
    const printed = async (text: string) => {
      while (!cli.stdout.includes(text))
        await new Promise(resolve => cli.process.stdout!.once('data', resolve))
    }
    await cli.said(/Running counting/)
    assert.match(cli.stderr, new RegExp(`brokers +${brokers}`))
    assert.equal((await produce()).exitCode, 0)
    await printed('old 1\n')
    project.write('pipelines/counting.ts', counting('new'))
    await cli.said(/Reloaded counting/)
    await produce()
    await printed('new 2\n')
    cli.process.kill('SIGTERM')
    assert.equal(await cli.exitCode(), 143)
    assert.equal(cli.stdout, 'old 1\nnew 2\n')
  })

  it('stays on the embedded log when only the configuration names brokers', async () => {
    using project = testProject(files('views'))
    await using cli = new CliProcess(project.directory, ['dev'])
    await cli.said(/Running counting/)
    assert.match(cli.stderr, /data +\S+\.millrace/)
  })
})
