/** A process that runs the pipeline of a module on Kafka, over worker threads, until SIGTERM. */
import { start } from '../start.ts'

const [brokers, app, url, threads] = process.argv.slice(2) as [string, string, string, string]
const tell = (type: string, rest: object = {}) => process.send!({ type, ...rest })

const stopping = new AbortController()
process.once('SIGTERM', () => stopping.abort())
const running = await start([url], {
  app,
  brokers,
  threads: Number(threads),
  sessionTimeoutMs: 6_000,
  signal: stopping.signal,
})
running.failed.catch(error => tell('failed', { message: String(error) }))
tell('running')
await running.finished
await running.stop()
tell('stopped')
process.disconnect()
