import { parseArgs } from 'node:util'
import { MemoryLog } from '../packages/millrace/src/log/memory/memory-log.ts'
import { checkGenerator, dense, type Preset, sparse } from './nexmark/generator.ts'
import { fill } from './nexmark/input.ts'
import { Oracle } from './nexmark/oracle.ts'
import { queries } from './nexmark/queries.ts'
import type { Query } from './nexmark/query.ts'
import { differences } from './nexmark/rows.ts'
import { runQuery } from './nexmark/run-query.ts'
import type { Input } from './nexmark/wall-clock.ts'

const help = `npm run nexmark -- [q5 q7 …] [--records 1000000] [--preset sparse|dense] [--group 50]

Runs queries of Nexmark over generated events and holds each answer against that of SQL (SQLite) over the same events.
q5 …       only these queries
--records  events, persons and auctions included; a multiple of the group
--preset   sparse: 1000 events in 10 s; dense: a million in 10 s
--group    events of so many are shuffled among each other`

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '1000000' },
    preset: { type: 'string', default: 'sparse' },
    group: { type: 'string', default: '50' },
    help: { type: 'boolean', default: false },
  },
})

if (flags.help) console.log(help)
else await main()

async function main(): Promise<void> {
  const preset = presetOf(flags.preset)
  const records = Number(flags.records)
  const group = Number(flags.group)
  if (!(records >= group && records % group === 0 && group % 953 !== 0))
    throw new Error('--records is a multiple of --group, and --group none of 953')
  const wanted = queries.filter(({ name }) => words.length === 0 || words.includes(name))
  if (wanted.length === 0) throw new Error(`There is none of ${words.join(', ')}`)
  checkGenerator(preset)
  console.log(`${records} events, ${preset.name}, shuffled by ${group}`)
  const oracle = new Oracle(preset, records)
  const log = new MemoryLog()
  await fill(log, preset, records, group)
  let failed = 0
  for (const query of wanted)
    if (!(await isEqual(query, oracle, log, { preset, count: records, group }))) failed++
  oracle.close()
  await log.close()
  console.log(`\n${wanted.length - failed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

function presetOf(name: string): Preset {
  const preset = [sparse, dense].find(each => each.name === name)
  if (preset === undefined) throw new Error('--preset is sparse or dense')
  return preset
}

async function isEqual(query: Query, oracle: Oracle, log: MemoryLog, input: Input): Promise<boolean> {
  const { fields, rows: wanted } = oracle.answer(query)
  const { rows: found, cpuSeconds } = await runQuery(log, query, input, fields)
  const different = differences(found, wanted)
  const total = [...wanted.values()].reduce((sum, times) => sum + times, 0)
  const rate = (input.count / cpuSeconds / 1e6).toFixed(2)
  const mark = different.length === 0 ? '✔' : '✖'
  console.log(
    `${mark} ${query.name.padEnd(4)} ${String(total).padStart(7)} rows  ${rate} M events per CPU-second  ${query.title}`,
  )
  for (const line of different) console.log(`    ${line}`)
  return different.length === 0
}
