import { parseRate } from './yardstick.ts'

process.stdout.write(`${JSON.stringify(parseRate())}\n`)
process.exit(0)
