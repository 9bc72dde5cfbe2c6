/** A process that runs the pipeline of `asked.ts` on two threads, until it is killed. */
import type { StartOptions } from '../app.ts'
import { start } from '../start.ts'

const [moduleUrl, options] = process.argv.slice(2) as [string, string]
const app = await start([new URL(moduleUrl)], { threads: 2, ...(JSON.parse(options) as StartOptions) })
app.failed.catch((error: Error) => process.send!({ type: 'failed', message: error.message }))
process.send!({ type: 'running' })
