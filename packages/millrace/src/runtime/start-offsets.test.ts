import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { json, pipeline, topic } from '../index.ts'
import { openEmbeddedLog } from '../log/embedded/open.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { startOffsetTests } from './testkit/start-offsets.ts'

describe('where a pipeline begins on the memory log', { timeout: 60_000 }, () => {
  startOffsetTests(use => use(new MemoryLog(), ''))
})

describe('where a pipeline begins on the embedded log', { timeout: 60_000 }, () => {
  startOffsetTests(async use => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-start-'))
    const log = await openEmbeddedLog({ directory })
    try {
      await use(log, '')
    } finally {
      await log.close()
      await rm(directory, { recursive: true, force: true })
    }
  })
})

describe('a source', () => {
  it('refuses a start that is none while the pipeline is built', () => {
    const ticks = topic('ticks', { value: json<{ n: number }>() })
    assert.throws(
      () => pipeline('copying', p => void p.from(ticks, { start: 'newest' as 'latest' })),
      /ticks.*start is 'newest'/s,
    )
  })
})
