import { describe } from 'node:test'
import { openEmbeddedLog } from '../log/embedded/open.ts'
import { temporaryDirectory } from '../log/embedded/testkit/directory.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { forgottenPositionsTests } from './testkit/forgotten-positions.ts'

describe('a group without positions on the memory log', { timeout: 60_000 }, () => {
  forgottenPositionsTests(use => use(new MemoryLog(), ''))
})

describe('a group without positions on the embedded log', { timeout: 60_000 }, () => {
  forgottenPositionsTests(async use => {
    const { directory, remove } = await temporaryDirectory()
    const log = await openEmbeddedLog({ directory })
    try {
      await use(log, '')
    } finally {
      await log.close()
      await remove()
    }
  })
})
