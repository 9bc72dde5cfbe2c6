import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { inProcess } from './harness/spawn.ts'
import { cases, type ScaleCase } from './scale/cases.ts'
import type { Job, PhaseFigures } from './scale/run-case.ts'

const help = `npm run bench:scale -- [names] [--quick] [--json] [--data bench/.data]

What much state does to the loop of a process: its longest pauses and its memory, on the embedded log with all defaults.
names   only these cases: ${cases.map(({ name }) => name).join(' ')}
--quick a fiftieth of the input: shows that every case gives the right results, not what it costs
--json  figures as JSON on standard output, instead of the table
--data  where logs go: about 2 GB, on a real disk`

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    data: { type: 'string', default: new URL('.data', import.meta.url).pathname },
    help: { type: 'boolean', default: false },
  },
})

const phases: Record<PhaseFigures['phase'], string> = {
  reading: 'reading it',
  restart: 'restart with it',
  end: 'the end of it',
}

if (flags.help) process.stdout.write(`${help}\n`)
else await bench()

async function bench(): Promise<void> {
  mkdirSync(flags.data, { recursive: true })
  const wanted = cases.filter(({ name }) => names.length === 0 || names.includes(name))
  if (wanted.length === 0) throw new Error(`No case is called ${names.join(' or ')}`)
  const figures: (readonly [ScaleCase, readonly PhaseFigures[]])[] = []
  for (const each of wanted) {
    const phases = await run(each)
    process.stderr.write(`${each.name.padEnd(10)} ${flags.quick ? 'right' : phases.map(lineOf).join('; ')}\n`)
    figures.push([each, phases])
  }
  if (flags.quick) return
  const named = figures.map(([{ name }, phases]) => ({ name, phases }))
  process.stdout.write(`${flags.json ? JSON.stringify(named, undefined, 2) : tableOf(figures)}\n`)
}

async function run({ name }: ScaleCase): Promise<PhaseFigures[]> {
  const directory = mkdtempSync(join(resolve(flags.data), 'scale-'))
  try {
    const job: Job = { name, directory, quick: flags.quick }
    return await inProcess<PhaseFigures[]>(new URL('./scale/child.ts', import.meta.url), [
      JSON.stringify(job),
    ])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function lineOf({ phase, pauseMaxMs, cpuMaxMs, seconds, rssMaxBytes }: PhaseFigures): string {
  return `${phase} ${seconds.toFixed(1)} s, pause ${pauseMaxMs.toFixed(0)} ms (CPU ${cpuMaxMs.toFixed(0)} ms), ${(rssMaxBytes / 1e6).toFixed(0)} MB`
}

function tableOf(figures: readonly (readonly [ScaleCase, readonly PhaseFigures[]])[]): string {
  const lines = [
    `Node ${process.version}, ${availableParallelism()} × ${cpus()[0]!.model}`,
    '',
    '| what | while | longest pause | of it CPU | p99 | took | CPU-s | peak RSS |',
    '|---|---|---|---|---|---|---|---|',
  ]
  for (const [{ title }, all] of figures) {
    for (const each of all) {
      const { pauseMaxMs, cpuMaxMs, pauseP99Ms, seconds, cpuSeconds, rssMaxBytes } = each
      const ms = [
        `**${pauseMaxMs.toFixed(0)} ms**`,
        `${cpuMaxMs.toFixed(0)} ms`,
        `${pauseP99Ms.toFixed(0)} ms`,
      ]
      const rest = [`${seconds.toFixed(1)} s`, cpuSeconds.toFixed(1), `${(rssMaxBytes / 1e6).toFixed(0)} MB`]
      lines.push(`| ${[title, phases[each.phase], ...ms, ...rest].join(' | ')} |`)
    }
  }
  return lines.join('\n')
}
