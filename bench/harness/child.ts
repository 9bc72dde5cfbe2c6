import { runCase } from './run-case.ts'

const [text, directory] = process.argv.slice(2) as [string, string]
process.stdout.write(`${JSON.stringify(await runCase(JSON.parse(text), directory))}\n`)
process.exit(0)
