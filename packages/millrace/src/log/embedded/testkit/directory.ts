import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { EmbeddedLog } from '../embedded-log.ts'
import { type EmbeddedLogOptions, openEmbeddedLog } from '../open.ts'

export async function temporaryDirectory(): Promise<{ directory: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'))
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) }
}

/** A directory that goes with the test. */
export async function directoryFor(t: TestContext): Promise<string> {
  const { directory, remove } = await temporaryDirectory()
  t.after(remove)
  return directory
}

/** A log that is closed with the test; closed before, if the test did so. */
export async function openFor(t: TestContext, options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const log = await openEmbeddedLog(options)
  t.after(() => log.close())
  return log
}
