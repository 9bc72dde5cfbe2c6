/** The entry of a worker thread: runs its share of the tasks on a log handle of its own. */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../std/clock.ts'
import { systemRandom } from '../std/random.ts'
import type { HostedPipeline } from './host.ts'
import { LocalHost } from './local-host.ts'
import { connectLog } from './log-port.ts'
import { loadPipelines } from './pipeline-source.ts'
import type { LocalStore } from './store-view.ts'
import { beatEveryMs, ThreadProgress } from './thread-progress.ts'
import {
  type FromThread,
  type StoreRequest,
  type ThreadStart,
  type ToThread,
  toThreadError,
} from './thread-protocol.ts'

const { index, settings, urls, log: port, progress: memory } = workerData as ThreadStart
const progress = new ThreadProgress(memory)
const tell = (message: FromThread) => parentPort!.postMessage(message)

const pipelines = await loadPipelines(urls)
const log = await connectLog(port, message => tell({ kind: 'warn', message }))
const host = new LocalHost({
  log,
  clock: systemClock,
  random: systemRandom,
  settings,
  graphs: pipelines.map(({ pipeline }) => pipeline.graph),
  progress,
  thread: index + 1,
  events: {
    print: line => tell({ kind: 'print', line }),
    warn: message => tell({ kind: 'warn', message }),
    failed: (pipeline, error) => tell({ kind: 'failed', pipeline, error: toThreadError(error) }),
    changed: () => {},
  },
})

function find(name: string): HostedPipeline {
  return host.pipelines.find(pipeline => pipeline.name === name)!
}

function tellState(): void {
  tell({ kind: 'state', pipelines: host.pipelines.map(({ health, isFinished }) => ({ health, isFinished })) })
}

async function answer(message: Extract<ToThread, { id: number }>): Promise<unknown> {
  switch (message.kind) {
    case 'revoke':
      return find(message.pipeline).revoke(message.partitions)
    case 'read': {
      const store = host.pipelines.find(pipeline => pipeline.hasStep(message.step))!.store(message.step)
      return read(store, message.request)
    }
    case 'figures':
      return (await host.figures())[0]
    case 'stop':
      return host.stop()
  }
}

function read(store: LocalStore, request: StoreRequest): Promise<unknown> {
  if (request.kind === 'rows') return store.rows(request.query)
  return request.kind === 'get'
    ? store.get(request.key, request.query)
    : store.windows(request.key, request.query)
}

parentPort!.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'assign':
      return find(message.pipeline).assign(message.partitions, message.identity)
    case 'copies':
      return find(message.pipeline).keepCopies(message.partitions)
    case 'identity':
      return find(message.pipeline).setIdentity(message.identity)
    case 'lost':
      return find(message.pipeline).lost()
    default: {
      const { id } = message
      answer(message).then(
        result => {
          tellState()
          tell({ kind: 'done', id, result })
        },
        error => tell({ kind: 'done', id, error: toThreadError(error) }),
      )
    }
  }
})

await host.start()
const repeat = () => {
  progress.beat()
  tellState()
  systemClock.after(beatEveryMs, repeat)
}
repeat()
tell({ kind: 'ready' })
