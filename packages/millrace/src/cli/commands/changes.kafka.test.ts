import { describe, it } from 'node:test'
import { testBrokers } from '../../log/kafka/testkit/brokers.ts'
import { openLog } from '../open-log.ts'
import { changeStory, visitsProject } from '../testkit/change-story.ts'
import { commandLine } from '../testkit/command-line.ts'
import { testProject } from '../testkit/project.ts'

describe('a pipeline that is changed, on the command line and Kafka', { timeout: 180_000 }, () => {
  it('[8.1] tells what changed, and refuses, renames and resets steps', async () => {
    const app = `changes-${crypto.randomUUID().slice(0, 8)}`
    using project = testProject(visitsProject(`${app}-`))
    const env = { MILLRACE_BROKERS: testBrokers(), MILLRACE_APP: app }
    await changeStory(`${app}-`, (...argv) => commandLine(project.directory, argv, { env, openLog }))
  })
})
