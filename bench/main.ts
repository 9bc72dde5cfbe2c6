import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { inputFile } from './data/input.ts'
import { oracle } from './data/oracle.ts'
import { allCases, type Case, nameOf, usersOf, volumeOf } from './harness/cases.ts'
import type { CaseResult } from './harness/run-case.ts'
import { inProcess } from './harness/spawn.ts'
import type { StateFigures } from './harness/state.ts'
import { type Figure, figureOf, figuresTable, medianOf } from './harness/table.ts'

const help = `npm run bench -- [words] [--runs 5] [--quick] [--json] [--data bench/.data]

Compares pipelines with hand-written loops over the same log and codec, and with a loop on JSON.parse.
words   only cases that contain all of them: w0 w1 w2 w3 minutes hopping sessions pairs, memory embedded, callbacks fields schema parse,
        millrace loop; "state" for the figures of stores and restarts
--runs  how often each case runs, the cases taking turns
--quick little input: shows that every case gives the right results, not how fast it is
--json  figures as JSON on standard output, instead of the table
--data  where generated input and logs go: about 2 GB, on a real disk`

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    data: { type: 'string', default: new URL('.data', import.meta.url).pathname },
    help: { type: 'boolean', default: false },
  },
})

const say = (line: string) => process.stderr.write(`${line}\n`)

if (flags.help) process.stdout.write(`${help}\n`)
else await bench()

async function bench(): Promise<void> {
  mkdirSync(flags.data, { recursive: true })
  const cases = words.includes('state')
    ? []
    : allCases()
        .filter(matches)
        .map(each => ({ ...each, quick: flags.quick }))
  const runs = Number(flags.runs)
  const parseRates: number[] = []
  const rates = await runAll(cases, runs, async () => parseRates.push(await parseRate()))
  const figures = flags.quick ? [] : cases.map((each, i) => figureOf(each, rates[i]!))
  const isState = words.length === 0 || words.includes('state')
  const state = isState ? await runState() : undefined
  rmSync(`${flags.data}/state`, { recursive: true, force: true })
  if (flags.json)
    process.stdout.write(
      `${JSON.stringify({ machine: machine(), parseRates, figures, state }, undefined, 2)}\n`,
    )
  else process.stdout.write(`${report(parseRates, figures, state)}\n`)
}

function matches(each: Case): boolean {
  const name = nameOf(each).split(' ')
  return words.every(word => name.includes(word))
}

/** Every case once, then every case again, and so on: what the machine does meanwhile meets all of them. */
async function runAll(
  cases: readonly Case[],
  runs: number,
  beforeRun: () => Promise<unknown>,
): Promise<number[][]> {
  const rates: number[][] = cases.map(() => [])
  const expected = new Map<string, string>()
  for (let run = 0; run < runs && cases.length > 0; run++) {
    if (!flags.quick) await beforeRun()
    for (const [i, each] of cases.entries()) {
      const { records } = volumeOf(each)
      const id = `${each.workload} ${records}`
      inputFile(flags.data, records, usersOf(each.workload))
      if (!expected.has(id)) expected.set(id, oracle(each.workload, records))
      const result = await inProcess<CaseResult>(new URL('harness/child.ts', import.meta.url), [
        JSON.stringify(each),
        flags.data,
      ])
      if (result.digest !== expected.get(id)) {
        throw new Error(
          `${nameOf(each)} gave wrong results: ${result.digest}; the oracle says ${expected.get(id)}`,
        )
      }
      if (flags.quick) {
        say(`${nameOf(each).padEnd(34)} right: ${result.digest}`)
        continue
      }
      const rate = result.records / result.cpuSeconds / 1e6
      rates[i]!.push(rate)
      const wall = result.records / result.wallSeconds / 1e6
      say(
        `run ${run + 1}/${runs}  ${nameOf(each).padEnd(34)} ${rate.toFixed(3)} M/CPU-s  ${wall.toFixed(3)} M/s  ` +
          `${result.cpuSeconds.toFixed(1)} CPU-s, ${result.systemSeconds.toFixed(1)} of them in the system`,
      )
    }
  }
  return rates
}

function parseRate(): Promise<number> {
  return inProcess(new URL('harness/yardstick-child.ts', import.meta.url), [])
}

function runState(): Promise<StateFigures> {
  return inProcess(new URL('harness/state-child.ts', import.meta.url), [`${flags.data}/state`])
}

function report(
  parseRates: readonly number[],
  figures: readonly Figure[],
  state: StateFigures | undefined,
): string {
  const parts = [machine()]
  if (parseRates.length > 0) {
    const rate = medianOf(parseRates).toFixed(2)
    parts.push(`\`JSON.parse\` alone turns ${rate} M of these records per CPU-second into objects here.`)
  }
  if (figures.length > 0) {
    parts.push(
      `Million records per CPU-second of the whole process: median (lowest–highest) of ${flags.runs} runs.`,
    )
    parts.push(figuresTable(figures))
  }
  if (state !== undefined) parts.push(stateTable(state))
  return parts.join('\n\n')
}

function stateTable({ bytesPerKey, pause, restart }: StateFigures): string {
  return [
    '| state of 1 M keys, a count and a sum each | measured | to reach |',
    '|---|---|---|',
    `| memory per key beyond the key's bytes | ${bytesPerKey.toFixed(0)} B | ≤ 100 B |`,
    `| pause of the loop for a commit of 100k changed rows | ${pause.wall.toFixed(1)} ms (${pause.cpu.toFixed(1)} ms of CPU) | ≤ 20 ms |`,
    `| restart, from \`start\` to running tasks | ${(restart.wall / 1000).toFixed(2)} s (${(restart.cpu / 1000).toFixed(2)} s of CPU) | ≤ 2 s |`,
  ].join('\n')
}

function machine(): string {
  return `Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} × ${cpus()[0]!.model}`
}
