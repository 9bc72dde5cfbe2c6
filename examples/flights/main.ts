import { parseArgs } from 'node:util'
import { analyseLive, analyseOnce } from './analyse.ts'
import { readFeed } from './feed.ts'
import { reportText, waveText } from './report-text.ts'
import type { Results, Watch } from './results.ts'
import { onEmbedded, onKafka, type Where } from './where.ts'

const HELP = `Follows eight days of flights out of New York, and the weather they flew in.

  npm run example:flights                watch them pass, then see the report
  npm run example:flights -- --once      the report at once

  --once           analyse the finished feed as a batch
  --json           all results as JSON on stdout, everything else on stderr
  --hours N        N hours of the feed in a second (default: 8)
  --brokers H:P    on Apache Kafka instead of an embedded log; its topics are created there and deleted at the end
  --help           this text
`

const { stdout, stderr } = process

function readFlags() {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      hours: { type: 'string', default: '8' },
      brokers: { type: 'string' },
    },
  })
  const hoursPerSecond = Number(values.hours)
  if (!(hoursPerSecond > 0)) throw new Error(`--hours ${values.hours}: give a number above 0, for example 24`)
  return { ...values, hoursPerSecond }
}

/** What cannot wait for the report is told as it comes. */
const tell: Watch = (name, row) => {
  if (name === 'waves') stderr.write(`${waveText(row as Results['waves'][number])}\n`)
  else if (name === 'snowstorms')
    stderr.write(`A snowstorm is over at ${(row as Results['snowstorms'][number]).key}\n`)
}

async function main(): Promise<void> {
  const { once, json, help, brokers, hoursPerSecond } = readFlags()
  if (help) return void stdout.write(HELP)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)))
  const { signal } = stop
  const feed = await readFeed()
  const analyse = (where: Where) =>
    once
      ? analyseOnce(feed, where, signal)
      : analyseLive(feed, where, { hoursPerSecond, signal, watch: tell })
  const results = await (brokers === undefined ? onEmbedded(analyse) : onKafka(brokers, analyse))
  stdout.write(json ? `${JSON.stringify(results, undefined, 2)}\n` : reportText(results))
}

// A pipe that is closed early (`| head`) is not a failure.
for (const stream of [stdout, stderr]) stream.on('error', () => {})

try {
  await main()
} catch (error) {
  const { message, cause } = error as Error
  stderr.write(`${cause instanceof Error ? cause.message : message}\n`)
  process.exitCode = 1
}
