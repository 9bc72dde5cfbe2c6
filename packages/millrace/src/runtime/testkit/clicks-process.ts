/** A process that counts clicks on Kafka; told to stop, it does, and says so. */
import { start } from '../start.ts'
import { clicksOf } from './clicks.ts'

interface Settings {
  readonly app: string
  readonly brokers: string
  readonly data: string
  readonly partitions: number
  readonly instance?: string
  readonly sessionTimeoutMs?: number
  readonly standbys?: number
}

const settings = JSON.parse(process.argv[2]!) as Settings
const tell = (type: string, rest: object = {}) => process.send!({ type, ...rest })

const app = await start([clicksOf(settings.app, settings.partitions).perUser], {
  ...settings,
  createTopics: true,
  logger: {
    info: () => {},
    warn: message => tell('warning', { message }),
    error: () => {},
  },
})
app.failed.catch((error: Error) => tell('failed', { message: error.message }))
process.on('message', ({ leave = false }: { leave?: boolean }) => {
  void app.stop({ leave }).then(() => process.disconnect())
})
tell('running')
