/** A process that runs a version of `rolling-counts.ts` until it is told to stop. */
import { start } from '../start.ts'

export interface RollingSettings {
  readonly app: string
  readonly url: string
  readonly data: string
  readonly brokers?: string
  readonly threads?: number
  readonly sessionTimeoutMs: number
  readonly rollback?: boolean
}

const { url, ...settings } = JSON.parse(process.argv[2]!) as RollingSettings
const tell = (type: string, rest: object = {}) => process.send!({ type, ...rest })

let stop = async () => process.disconnect()
process.on('message', () => void stop())
try {
  const app = await start([url], {
    ...settings,
    createTopics: true,
    logger: { info: () => {}, warn: message => tell('warning', { message }), error: () => {} },
  })
  app.failed.catch((error: Error) => tell('failed', { message: error.message }))
  stop = async () => {
    await app.stop({ leave: true })
    process.disconnect()
  }
  tell('running')
} catch (error) {
  tell('refused', { message: (error as Error).message })
  process.disconnect()
}
