import type { App, PipelineHealth } from '../../runtime/app.ts'
import type { Clock } from '../../std/clock.ts'
import { counted, span } from '../format.ts'
import type { Terminal } from '../terminal.ts'

const LOOK_MS = 200

/** Says of every pipeline when it has joined its group, what it was given, and how long restoring took; gives a function that ends it. */
export function watchPipelines(terminal: Terminal, clock: Clock, app: App): () => void {
  const told = new Map<string, { text: string; sinceMs: number }>()
  let cancel = () => {}
  const look = () => {
    for (const pipeline of app.health().pipelines) {
      const text = stateText(pipeline)
      const before = told.get(pipeline.name)
      if (before?.text === text) continue
      const now = clock.monotonic()
      told.set(pipeline.name, { text, sinceMs: now })
      const isRestored = before?.text.startsWith('restoring') && pipeline.phase === 'running'
      terminal.note(pipeline.name, isRestored ? `${text}, restored in ${span(now - before!.sinceMs)}` : text)
    }
    cancel = clock.after(LOOK_MS, look)
  }
  look()
  return () => cancel()
}

function stateText({ phase, partitions }: PipelineHealth): string {
  const has = partitions === 0 ? 'no partitions: others have them all' : counted(partitions, 'partition')
  switch (phase) {
    case 'joining':
      return 'joining its group'
    case 'restoring':
      return `restoring the state of ${counted(partitions, 'partition')}`
    case 'running':
      return `running on ${has}`
    case 'stopped':
      return 'stopped'
  }
}
