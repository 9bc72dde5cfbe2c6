import { availableParallelism, cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { missingForKafka } from '../tools/kafka/jars.ts'
import { canPin } from '../tools/kafka/on-core.ts'
import { inProcess as inAnyProcess } from './harness/spawn.ts'
import { medianOf } from './harness/table.ts'
import { checkGenerator } from './kafka/data/bids.ts'
import { Bench } from './kafka/harness/bench.ts'
import { allCases, type Case, isPeer, nameOf } from './kafka/harness/cases.ts'
import type { Measured } from './kafka/harness/meter.ts'
import { type Figure, figuresTable, rateOf } from './kafka/harness/table.ts'
import { aimsTable, latencyText, restoreText } from './kafka/measures/aims.ts'
import { measureLatency } from './kafka/measures/latency.ts'
import { type Measure, type Measurement, measureName, measures } from './kafka/measures/measures.ts'
import { measureRestore } from './kafka/measures/restore.ts'

const help = `npm run bench:kafka -- [words] [--records 3000000] [--runs 3] [--peers] [--quick] [--json] [--data bench/.data/kafka]

Compares pipelines on a real Kafka with hand-written loops and other systems. Starts a broker of its own (Java 17, Maven).
words      only cases that have all of them in their names: w0 w1 w2 w3 latency restore,
           millrace loop raw kafka-streams flink quix, callbacks fields whole, exactly-once at-least-once, 100ms 1000ms
--records  of the input; W2 reads half of them, Quix Streams an eighth
--per-second  of the records whose latency is measured, instead of half of what the pipeline can take
--runs     how often each case runs, the cases taking turns
--peers    Kafka Streams, Flink and Quix Streams too (a JDK and Maven; Python with PyPI)
--quick    little input: shows that every case gives the right results, not how fast it is
--json     figures as JSON on standard output, instead of the table
--data     where the broker keeps the input from run to run: about 250 MB for a million records`

const quickRecords = 40_000
const quickLatency = { perSecond: 5_000, seconds: 2, warmUpSeconds: 1, records: quickRecords }

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '3000000' },
    runs: { type: 'string', default: '3' },
    'per-second': { type: 'string' },
    peers: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    data: { type: 'string', default: new URL('.data/kafka', import.meta.url).pathname },
    help: { type: 'boolean', default: false },
  },
})

const say = (line: string) => process.stderr.write(`${line}\n`)

if (flags.help) process.stdout.write(`${help}\n`)
else {
  const missing = missingForKafka()
  if (missing.length === 0) await main()
  else say(`Left out, for no Kafka can be started: ${missing.join('; ')}.`)
}

async function main(): Promise<void> {
  checkGenerator()
  const records = flags.quick ? quickRecords : Number(flags.records)
  const runs = flags.quick ? 1 : Number(flags.runs)
  if (!(records >= 1_000) || !(runs >= 1)) throw new Error('--records is at least 1000, --runs at least 1')
  const cases = allCases().filter(isWanted)
  const wanted = measures.filter(each => hasAllWords(measureName(each)))
  if (cases.length + wanted.length === 0) throw new Error(`No case has ${words.join(' and ')} in its name`)
  const bench = await Bench.open(resolve(flags.data))
  const stop = () => void bench.close().finally(() => process.exit(1))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  try {
    await report(bench, { cases, measures: wanted, records, runs })
  } finally {
    await bench.close()
  }
}

function isWanted(each: Case): boolean {
  return (flags.peers || !isPeer(each.program)) && hasAllWords(nameOf(each))
}

function hasAllWords(name: string): boolean {
  return words.every(word => name.split(' ').includes(word))
}

interface Plan {
  readonly cases: readonly Case[]
  readonly measures: readonly Measure[]
  readonly records: number
  readonly runs: number
}

async function report(bench: Bench, plan: Plan): Promise<void> {
  const { cases, records, runs } = plan
  say('Making the input and what must come out …')
  const failed = new Map<Case, string>()
  for (const each of cases) await guarded(each, failed, () => bench.prepare(each, records))
  const measured: Measured[][] = cases.map(() => [])
  const parseRates: number[] = []
  for (let run = 1; run <= runs; run++) {
    if (!flags.quick) parseRates.push(await parseRate())
    for (const [i, each] of cases.entries()) {
      const result = await guarded(each, failed, () => bench.run(each, records))
      if (result === undefined) continue
      measured[i]!.push(result)
      say(`run ${run}/${runs}  ${nameOf(each).padEnd(50)} ${flags.quick ? 'right' : lineOf(result)}`)
    }
  }
  const measurements: Measurement[] = []
  for (const each of plan.measures) measurements.push(await measure(bench, each, plan))
  if (flags.quick) return
  const figures: Figure[] = cases.map((each, i) => ({ ...each, runs: measured[i]! }))
  const left = [...failed].map(([each, reason]) => `Left out: ${nameOf(each)}: ${reason}`)
  const ran = figures.filter(each => each.runs.length > 0)
  const text = flags.json
    ? JSON.stringify(
        { machine: machine(), records, parseRates, figures: ran, measurements, left },
        undefined,
        2,
      )
    : [
        machine(),
        yardstick(parseRates),
        `${records} records, ${runs} runs.`,
        ...(ran.length > 0 ? [figuresTable(ran)] : []),
        aimsTable(ran, measurements) ?? '',
        ...left,
      ].join('\n\n')
  process.stdout.write(`${text}\n`)
}

/** Each run of a measure, one after the other; its results are checked, or it throws. */
async function measure(bench: Bench, each: Measure, { records, runs }: Plan): Promise<Measurement> {
  const name = measureName(each).padEnd(50)
  const inTurn = async <R>(work: () => Promise<R>, textOf: (result: R) => string): Promise<R[]> => {
    const results: R[] = []
    for (let run = 1; run <= runs; run++) {
      const result = await work()
      results.push(result)
      say(`run ${run}/${runs}  ${name} ${flags.quick ? 'right' : textOf(result)}`)
    }
    return results
  }
  if (each.kind === 'restore')
    return {
      measure: each,
      kind: 'restore',
      runs: await inTurn(() => measureRestore(bench, each, records), restoreText),
    }
  const volume = flags.quick ? quickLatency : { seconds: 15, warmUpSeconds: 5, records, ...givenRate() }
  return {
    measure: each,
    kind: 'latency',
    runs: await inTurn(() => measureLatency(bench, each, volume), latencyText),
  }
}

function givenRate(): { readonly perSecond?: number } {
  const perSecond = Number(flags['per-second'] ?? 1)
  if (!(perSecond >= 1)) throw new Error('--per-second is at least 1')
  return flags['per-second'] === undefined ? {} : { perSecond }
}

/** Another system that does not run here, or gives wrong results, is left out and said so; a case of our own ends everything. */
async function guarded<R>(
  each: Case,
  failed: Map<Case, string>,
  work: () => Promise<R>,
): Promise<R | undefined> {
  if (failed.has(each)) return undefined
  try {
    return await work()
  } catch (error) {
    if (!isPeer(each.program)) throw error
    const reason = (error as Error).message
    failed.set(each, reason.split('\n')[0]!)
    say(`${nameOf(each)} is left out: ${reason}`)
    return undefined
  }
}

function parseRate(): Promise<number> {
  return inAnyProcess(new URL('harness/yardstick-child.ts', import.meta.url), [])
}

function yardstick(rates: readonly number[]): string {
  const rate = medianOf(rates).toFixed(2)
  return `\`JSON.parse\` alone turns ${rate} M records of 165 bytes per CPU-second into objects here.`
}

function lineOf(result: Measured): string {
  const { records, wallSeconds, cpuSeconds, peakRssBytes } = result
  return (
    `${rateOf(result).toFixed(3)} M/CPU-s  ${(records / wallSeconds / 1e6).toFixed(3)} M/s  ` +
    `${cpuSeconds.toFixed(1)} CPU-s  ${(peakRssBytes / 1e6).toFixed(0)} MB`
  )
}

function machine(): string {
  const pinned = canPin() ? 'engine and broker on a core each' : 'nothing pinned: the system has no taskset'
  return `Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} × ${cpus()[0]!.model}, ${pinned}`
}
