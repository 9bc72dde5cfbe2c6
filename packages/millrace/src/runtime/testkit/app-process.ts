/**
 * A process that runs pipelines as a user's own would: `start` with a signal that SIGTERM aborts, and an end by itself
 * once the app has stopped.
 */
import { json } from '../../serde/json.ts'
import { pipeline } from '../../stream/pipeline.ts'
import { topic } from '../../stream/topic.ts'
import { start } from '../start.ts'
import visitsPipeline, { type Visit, visits } from './visits.ts'

const [data, sessionTimeoutMs] = process.argv.slice(2)
const tell = (type: string, rest: object = {}) => process.send!({ type, ...rest })
let processed = 0

const copied = topic('copied', { value: json<Visit>() })
const copy = pipeline('copy', { commitInterval: '1h' }, p => {
  p.from(visits)
    .peek(_ => {
      processed++
    })
    .to(copied)
})

const stopping = new AbortController()
process.once('SIGTERM', () => stopping.abort())
const app = await start([visitsPipeline, copy], {
  app: 'test',
  data: data!,
  sessionTimeoutMs: Number(sessionTimeoutMs),
  signal: stopping.signal,
})
app.failed.catch(error => tell('failed', { message: String(error) }))
tell('running')
await app.finished
await app.stop()
tell('stopped', { processed })
process.disconnect()
