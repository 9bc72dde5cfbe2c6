import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describeLogConformance } from '../conformance.ts'
import type { EmbeddedLog } from './embedded-log.ts'
import { openEmbeddedLog } from './open.ts'

/** Every handle has a commit thread of its own, as if it were a process. */
describeLogConformance(
  'embedded',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'))
    const handles: EmbeddedLog[] = []
    const closeAll = async () => {
      for (const handle of handles.splice(0)) await handle.close()
    }
    return {
      open: async () => {
        const log = await openEmbeddedLog({ directory })
        handles.push(log)
        return log
      },
      restart: closeAll,
      advance: async ms => {
        await setTimeout(ms)
      },
      now: () => Date.now(),
      destroy: async () => {
        await closeAll()
        await rm(directory, { recursive: true })
      },
    }
  },
  { skip: ['freeze'], sessionTimeoutMs: 600 },
)
