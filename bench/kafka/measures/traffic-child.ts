import { runTraffic, type Traffic } from './traffic.ts'

const traffic: Traffic = JSON.parse(process.argv[2]!)
process.stdout.write(`${JSON.stringify(await runTraffic(traffic))}\n`)
process.exit(0)
