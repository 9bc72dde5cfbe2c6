/**
 * What the compiler pays for a pipeline of 50 steps: `node tools/type-cost.ts [steps]` compiles a generated
 * one and an empty file that imports the same, and prints both and the difference per step.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const steps = Number(process.argv[2] ?? 50)
const folder = join(root, 'node_modules', '.cache', 'type-cost')

const imports = `import { avg, count, json, pipeline, quantile, sum, topic, tumbling } from '../../../packages/millrace/src/index.ts'
export { avg, count, json, pipeline, quantile, sum, topic, tumbling }
`

/** Filters, maps that add a field, branches and windowed aggregates in turn, one long chain. */
function pipelineOf(stepCount: number): string {
  const lines = Array.from({ length: stepCount }, (_, at) => {
    const from = `s${at}`
    const steps = [
      `${from}.filter(v => v.ms > ${at})`,
      `${from}.map(v => ({ ...v, f${at}: v.ms + ${at} }))`,
      `${from}.branch({ slow: v => v.ms > ${at} }).slow`,
      `${from}.keyBy('by-${at}', v => v.url).window(tumbling('1m')).aggregate('n${at}', { ms: sum('ms'), n: count(), p: quantile('ms', 0.9), a: avg(v => v.ms) }).emit('final').map(v => ({ ...v, url: v.key }))`,
      `${from}.peek(v => v.url)`,
    ]
    return `  const s${at + 1} = ${steps[at % steps.length]}`
  })
  return `${imports}
type View = { url: string; ms: number; at: number; tags: string[]; geo: { city: string } }
const views = topic('views', { value: json<View>(), timestamp: 'at' })
pipeline('p', p => {
  const s0 = p.from(views)
${lines.join('\n')}
  s${stepCount}.print(v => v.url)
})
`
}

/** Instantiations, types and check time in seconds, as tsc reports them. */
function compile(name: string, source: string) {
  const file = join(folder, `${name}.ts`)
  writeFileSync(file, source)
  const config = { extends: join(root, 'tsconfig.json'), include: [file], exclude: [] }
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(config))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const args = [tsc, '--extendedDiagnostics', '--singleThreaded', '-p', join(folder, `${name}.json`)]
  const output = execFileSync(process.execPath, args, { encoding: 'utf8' })
  const figure = (label: string) => Number(new RegExp(`^${label}:\\s+([\\d.]+)`, 'm').exec(output)?.[1])
  return {
    instantiations: figure('Instantiations'),
    types: figure('Types'),
    checkSeconds: figure('Check time'),
  }
}

mkdirSync(folder, { recursive: true })
const empty = compile('empty', imports)
const full = compile('full', pipelineOf(steps))
rmSync(folder, { recursive: true })
console.table({ empty, [`${steps} steps`]: full })
console.log(`${Math.round((full.instantiations - empty.instantiations) / steps)} instantiations per step`)
