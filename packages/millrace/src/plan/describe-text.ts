import type {
  InputDescription,
  PipelineDescription,
  StepDescription,
  SubTopologyDescription,
} from './describe.ts'

/** The description for a terminal: per sub-topology what is decoded, then its steps as a tree. */
export function descriptionText(description: PipelineDescription): string {
  const blocks = description.subTopologies.map(sub => subText(description, sub).join('\n'))
  return `${[`pipeline ${description.pipeline}`, ...blocks].join('\n\n')}\n`
}

function subText({ steps }: PipelineDescription, sub: SubTopologyDescription): string[] {
  const inside = sub.steps.map(id => steps[id]!)
  const drawn = new Set<number>()
  const lines: string[] = []
  const draw = (step: StepDescription, port: string, depth: number): void => {
    const side = port === 'out' ? '' : `.${port.replace('case:', '')} `
    const again = drawn.has(step.id)
    lines.push(`${'  '.repeat(depth)}${side}${stepText(step)}${again ? ' (as above)' : ''}`)
    if (again) return
    drawn.add(step.id)
    const next = readersOf(step, inside)
    // A chain stays in its column; only a fork moves right.
    for (const reader of next) draw(reader.step, reader.port, next.length > 1 ? depth + 1 : depth)
  }
  for (const step of inside) if (isEntry(step, inside)) draw(step, 'out', 1)
  return [`${sub.name}${sub.keyed ? ' (keyed)' : ''}`, ...sub.inputs.map(decodesText), ...lines]
}

/** A source, or a step right behind the keyBy that this part reads. */
function isEntry({ inputs }: StepDescription, inside: readonly StepDescription[]): boolean {
  const carries = ({ from, port }: { from: number; port: string }) =>
    inside.some(step => step.id === from && !(step.kind === 'keyBy' && port === 'out'))
  return inputs.length === 0 || !inputs.some(carries)
}

function readersOf(step: StepDescription, inside: readonly StepDescription[]) {
  return inside.flatMap(reader =>
    reader.inputs
      .filter(({ from, port }) => from === step.id && !(step.kind === 'keyBy' && port === 'out'))
      .map(({ port }) => ({ step: reader, port })),
  )
}

function stepText({ kind, label, detail }: StepDescription): string {
  const named = label === kind || label.startsWith(`${kind}(`) ? label : `${label} (${kind})`
  return detail === '' ? named : `${named}: ${detail}`
}

function decodesText({ name: topic, decodes, isGlobal }: InputDescription): string {
  const name = isGlobal ? `${topic} (all partitions)` : topic
  if ('whole' in decodes) return `  ${name} decodes the whole record because ${decodes.whole}`
  return `  ${name} decodes ${decodes.fields.length === 0 ? 'nothing' : decodes.fields.join(', ')}`
}
