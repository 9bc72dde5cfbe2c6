import { runCase } from './run-case.ts'

process.stdout.write(`${JSON.stringify(await runCase(JSON.parse(process.argv[2]!)))}\n`)
process.exit(0)
