import { stateFigures } from './state.ts'

process.stdout.write(`${JSON.stringify(await stateFigures(process.argv[2]!))}\n`)
process.exit(0)
