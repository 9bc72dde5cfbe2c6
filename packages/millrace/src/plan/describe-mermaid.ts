import type { PipelineDescription, StepDescription } from './describe.ts'

/** The description as a Mermaid flow chart. */
export function descriptionMermaid({ steps }: PipelineDescription): string {
  const edges = steps.flatMap(({ id, inputs }) =>
    inputs.map(({ from, port }) => `  s${from} ${port === 'out' ? '-->' : `-- ${quoted(port)} -->`} s${id}`),
  )
  return `${['flowchart LR', ...steps.map(step => `  ${box(step)}`), ...edges].join('\n')}\n`
}

const stores: readonly StepDescription['kind'][] = [
  'aggregate',
  'process',
  'table',
  'globalTable',
  'tableJoin',
  'streamJoin',
  'hold',
  'asyncMap',
]

/** Topics are round, stores are barrels, re-keying is a hexagon. */
function box({ id, kind, label, detail }: StepDescription): string {
  const text = quoted(detail === '' ? label : `${label}: ${detail}`)
  if (kind === 'source' || kind === 'to') return `s${id}([${text}])`
  if (stores.includes(kind)) return `s${id}[(${text})]`
  return kind === 'keyBy' ? `s${id}{{${text}}}` : `s${id}[${text}]`
}

function quoted(text: string): string {
  return `"${text.replaceAll('#', '#35;').replaceAll('"', '#quot;')}"`
}
