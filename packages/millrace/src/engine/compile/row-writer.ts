import type { ToTopicNode } from '../../plan/graph.ts'
import { compileRowWriter, type RowMember } from '../../serde/json/writer.ts'
import { KeyKind } from '../../serde/serde.ts'
import type { StepPlan } from '../step-plan.ts'
import type { Code } from './code.ts'
import type { Path } from './path.ts'

/**
 * Writes a window's row as JSON straight into bytes, and returns; `end` is the text of its window's end. Steps whose keys are neither strings nor
 * JSON fall through to the general code behind it.
 */
export function rowWriterCode(
  code: Code,
  plan: StepPlan,
  sinks: readonly ToTopicNode[],
  results: readonly string[],
  end: string,
): void {
  const hasCallback = plan.columns.some(({ argument }) => argument.kind === 'value')
  if (hasCallback || plan.node.result !== 'row' || plan.node.window === undefined) return
  const text = code.constant(compileRowWriter(shapeOf(plan, 'text')), 'textRow')
  const raw = code.constant(compileRowWriter(shapeOf(plan, 'raw')), 'rawRow')
  const isRaw = [KeyKind.number, KeyKind.boolean, KeyKind.json].map(kind => `S.kind === ${kind}`).join(' || ')
  code.line(`const writer = S.kind === ${KeyKind.string} ? ${text} : ${isRaw} ? ${raw} : undefined`)
  code.line('if (writer !== undefined) {')
  code.line('const N = writer.numbers')
  membersCode(code, plan, results, 'writer')
  const frame = plan.columns.length + 1
  code.line(`N[${frame}] = start; N[${frame + 1}] = ${end}`)
  for (const sink of sinks) {
    code.line(`T.outputs.writeRow(${code.constant(sink, 'node')}, writer, kb, ks, ke, t)`)
  }
  code.line('T.rowKeyKind = before')
  code.line('return }')
}

/** Writes a changed row of a table as JSON straight into bytes; false where it must be a value first. */
export function updateWriterCode(
  code: Code,
  plan: StepPlan,
  sinks: readonly ToTopicNode[],
  results: readonly string[],
  path: Path,
  t: string,
): boolean {
  const hasCallback = plan.columns.some(({ argument }) => argument.kind === 'value')
  if (hasCallback || plan.node.result !== 'row' || plan.node.window !== undefined) return false
  const writer = code.constant(compileRowWriter(columnsOf(plan)), 'updateRow')
  membersCode(code, plan, results, writer)
  for (const sink of sinks) {
    code.line(
      `T.outputs.writeRow(${code.constant(sink, 'node')}, ${writer}, ${path.kb}, ${path.ks}, ${path.ke}, ${t})`,
    )
  }
  return true
}

function membersCode(code: Code, plan: StepPlan, results: readonly string[], writer: string): void {
  plan.columns.forEach((column, i) => {
    if (column.object !== undefined) code.line(`${writer}.values[${i}] = ${results[i]!}`)
    else code.line(`{ const r = ${results[i]!}; ${writer}.numbers[${i}] = r === null ? NaN : r }`)
  })
}

function columnsOf(plan: StepPlan): RowMember[] {
  return plan.columns.map(({ name, object }) => ({ name, from: object === undefined ? 'number' : 'value' }))
}

/** The members of a row in the order of the object they stand for: columns, key, start, end. */
function shapeOf(plan: StepPlan, key: 'text' | 'raw'): RowMember[] {
  return [
    ...columnsOf(plan),
    { name: 'key', from: key },
    { name: 'start', from: 'number' },
    { name: 'end', from: 'number' },
  ]
}
