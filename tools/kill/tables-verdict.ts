import { type App, start } from '../../packages/millrace/src/index.ts'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import { type Expected, finalExtremes } from './expected.ts'
import { Verdict } from './oracle.ts'
import { appName, killPipelines, type Reading } from './pipelines.ts'
import { healthText } from './standstill.ts'
import { until } from './until.ts'

type Row = Readonly<Record<string, number | null>>

/** A new process restores the tables from what the dead have left; their rows are held against the sequential run's. */
export async function judgeTables(log: Log, expected: Expected, restoredMs: number): Promise<Verdict> {
  const tables: [string, Map<string, Row>][] = [
    ['devices', new Map([...finalExtremes(expected)].map(([device, { lo, hi }]) => [device, { lo, hi }]))],
    ['users', sums(expected.users)],
    ['visitors', sums(expected.visitors)],
  ]
  const rows = tables.reduce((sum, [, table]) => sum + table.size, 0)
  const verdict = new Verdict('rows of the tables, restored', rows)
  const app = await start(
    killPipelines(() => {}),
    { app: appName, log },
  )
  try {
    const isReady = async () => app.health().isReady
    await until(restoredMs, () => `The tables were not restored: ${healthText(app.health())}`, isReady)
    for (const [step, table] of tables)
      for (const [key, row] of table) await judgeRow(verdict, app, step, key, row)
  } finally {
    await app.stop()
  }
  return verdict
}

function sums(lists: ReadonlyMap<string, readonly Reading[]>): Map<string, Row> {
  const total = (list: readonly Reading[]) => list.reduce((sum, { amount }) => sum + amount, 0)
  return new Map([...lists].map(([key, list]) => [key, { n: list.length, total: total(list) }]))
}

async function judgeRow(verdict: Verdict, app: App, step: string, key: string, expected: Row): Promise<void> {
  const row = (await app.store(step).get(key)) as Record<string, unknown> | undefined
  if (row === undefined) return verdict.note('lost', `${step} ${key}`)
  if (Object.entries(expected).some(([column, value]) => row[column] !== value))
    verdict.note('wrong', `${step} ${key}: ${JSON.stringify(row)} instead of ${JSON.stringify(expected)}`)
}
