import { describe, it } from 'node:test'
import { changeStory, visitsProject } from '../testkit/change-story.ts'
import { CommandSession } from '../testkit/command-line.ts'
import { testProject } from '../testkit/project.ts'

describe('a pipeline that is changed, on the command line', () => {
  it('[8.1] tells what changed, and refuses, renames and resets steps', async () => {
    using project = testProject(visitsProject(''))
    await using session = new CommandSession(project.directory)
    await changeStory('', (...argv) => session.run(argv))
  })
})
