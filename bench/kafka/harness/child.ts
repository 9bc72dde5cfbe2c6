import { type Job, runCase } from './run-case.ts'

const job: Job = JSON.parse(process.argv[2]!)
process.stdout.write(`${JSON.stringify(await runCase(job))}\n`)
process.exit(0)
