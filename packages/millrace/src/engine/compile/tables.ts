import type { GlobalTableNode, Graph, LookupNode, TableJoinNode, TableNode } from '../../plan/graph.ts'
import { tableOf } from '../../plan/walk.ts'
import { deepFreeze } from '../../serde/freeze.ts'
import { analyseCallback } from '../../serde/json/analyse.ts'
import { isTrue } from '../results.ts'
import { checkedRow, hasKeysOf, joinedTime, rowOf, sidesOf } from '../tables/rows.ts'
import { valueAt } from '../tables/table-step.ts'
import type { Code } from './code.ts'
import { keyCheckCode, keyedStepCode } from './key-check.ts'
import type { Path } from './path.ts'
import { pickedCode } from './picked.ts'
import { type Continue, callOf, failure, fieldCode, guardedCall, recordOf, resultCode } from './steps.ts'

/** What is fixed about the code of a table. */
export interface TableCode {
  readonly graph: Graph
  readonly freeze: boolean
  /** Somebody asks what the rows were before they changed. */
  readonly hasChanges: boolean
}

/** The change of a table by one record. */
export function tableCode(code: Code, fixed: TableCode, node: TableNode, path: Path, go: Continue): void {
  const { step, ok } = keyedStepCode(code, node, path)
  const row = code.variable('row')
  code.line(`let ${row} = ${path.v}`)
  const { selection } = node
  if (selection !== undefined) {
    const call = callOf(code, selection.fn, path)
    const made =
      selection.kind === 'filter'
        ? `if (!${code.constant(isTrue, 'isTrue')}(${call})) ${row} = null`
        : `${row} = ${code.constant(checkedRow, 'checkedRow')}(${call})`
    code.line(
      `if (${ok} && ${row} !== null) try { ${made} } catch (e) { ${ok} = ${failure(node, 'e', path)} }`,
    )
  }
  changeCode(code, fixed, node, step, ok, row, path.t, path, go)
}

/** The change of a global table by one record. */
export function globalTableCode(code: Code, node: GlobalTableNode, path: Path): void {
  const { step, ok } = keyedStepCode(code, node, path)
  code.line(`if (${ok}) ${step}.change(${path.v}, ${path.kb}, ${path.ks}, ${path.ke}, ${path.t})`)
}

/** The change of a join of tables by a change of one of them. */
export function tableJoinCode(
  code: Code,
  fixed: TableCode,
  node: TableJoinNode,
  path: Path,
  go: Continue,
): void {
  const { graph, freeze } = fixed
  const { step, ok } = keyedStepCode(code, node, path)
  const sides = sidesOf(graph, node)
  const { kb, ks, ke } = path
  const rows = sides.map(side => {
    const row = code.variable('side')
    const found = `${code.constant(rowOf, 'rowOf')}(T.steps[${side}], ${kb}, ${ks}, ${ke})`
    code.line(`const ${row} = ${frozen(code, found, freeze)}`)
    return row
  })
  const row = code.variable('row')
  const t = code.variable('t')
  code.line(`let ${row} = null, ${t} = ${path.t}`)
  code.line(`if (${ok} && ${isThereText(node, rows)}) {`)
  const call = `${code.constant(node.fn, 'f')}(${argumentsText(node, rows)})`
  code.line(
    `try { ${row} = ${code.constant(checkedRow, 'checkedRow')}(${call}) } catch (e) { ${ok} = ${failure(node, 'e', path)} }`,
  )
  code.line('}')
  const time = `${code.constant(joinedTime, 'joinedTime')}(T, ${code.constant(sides, 'sides')}, ${kb}, ${ks}, ${ke}, ${t})`
  code.line(`if (${ok}) ${t} = ${time}`)
  changeCode(code, fixed, node, step, ok, row, t, path, go)
}

function isThereText({ sides }: TableJoinNode, rows: readonly string[]): string {
  const required = rows.filter((_, i) => sides[i]!.isRequired)
  if (required.length > 0) return required.map(row => `${row} !== undefined`).join(' && ')
  return `(${rows.map(row => `${row} !== undefined`).join(' || ')})`
}

function argumentsText({ sides }: TableJoinNode, rows: readonly string[]): string {
  if (sides[0]!.name === undefined) return rows.join(', ')
  return `{ ${rows.map((row, i) => `[${JSON.stringify(sides[i]!.name)}]: ${row}`).join(', ')} }`
}

function changeCode(
  code: Code,
  { freeze, hasChanges }: TableCode,
  node: TableNode | TableJoinNode,
  step: string,
  ok: string,
  row: string,
  t: string,
  path: Path,
  go: Continue,
): void {
  const before = code.variable('before')
  if (hasChanges) code.line(`const ${before} = ${step}.valueOf(${path.kb}, ${path.ks}, ${path.ke}) ?? null`)
  code.line(`if (${ok} && ${step}.change(${row}, ${path.kb}, ${path.ks}, ${path.ke}, ${t})) {`)
  const next: Path = { ...path, v: row, raw: false, t, h: 'null', start: 'NaN' }
  go(node, 'out', next)
  if (hasChanges) {
    const change = code.variable('change')
    code.line(`const ${change} = ${frozen(code, `({ before: ${before}, after: ${row} })`, freeze)}`)
    go(node, 'changes', { ...next, v: change })
  }
  code.line('}')
}

/** The meeting of a record with the row of its key. */
export function lookupCode(
  code: Code,
  { graph, freeze }: TableCode,
  node: LookupNode,
  path: Path,
  go: Continue,
): void {
  const table = tableOf(graph, node.inputs[1]!)
  const step = code.variable('S')
  code.line(`const ${step} = T.steps[${table.id}]`)
  const row = code.variable('row')
  const { kb, ks, ke } = path
  const at = code.variable('at')
  code.line(`let ${row}, ${at} = -1`)
  const isPicked = path.decoder?.pickers.has(node.id) === true
  const ok =
    node.key === undefined
      ? keyCheckCode(
          code,
          node,
          path,
          kind =>
            `${step}.kind !== ${kind} && (${kind} === 0 || !${code.constant(hasKeysOf, 'hasKeysOf')}(${step}, ${kind}))`,
        )
      : code.variable('ok')
  if (node.key !== undefined) {
    code.line(`let ${ok} = true`)
    const found = `${step}.rowUnder(${fieldCode(code, node.key, path)})`
    code.line(`try { ${row} = ${found} } catch (e) { ${ok} = ${failure(node, 'e', path)} }`)
  } else if (table.kind === 'aggregate' || (table.kind === 'table' && table.versionsMs !== undefined)) {
    code.line(`if (${ok}) ${row} = ${code.constant(rowOf, 'rowOf')}(${step}, ${kb}, ${ks}, ${ke}, ${path.t})`)
  } else {
    // Written out: this is what a join does for every record.
    code.line(`if (${ok}) { const place = ${step}.table.find(${kb}, ${ks}, ${ke})`)
    code.line(`if (place !== 0) ${at} = ${step}.table.f64[place + ${valueAt}] }`)
    if (!isPicked) code.line(`if (${at} >= 0) ${row} = ${step}.table.objects[${at}]`)
  }
  if (freeze) code.line(`${frozen(code, row, freeze)}`)
  const isThere = isPicked ? `${at} >= 0` : `${row} !== undefined`
  code.line(`if (${ok}${node.how === 'inner' ? ` && ${isThere}` : ''}) {`)
  pickedCode(code, node, step, at, freeze, path, next => {
    if (isPicked)
      code.line(`if (${at} >= 0) ${row} = ${frozen(code, `${step}.table.objects[${at}]`, freeze)}`)
    const fn = code.constant(node.fn, 'f')
    const record = analyseCallback(node.fn, 1).usesRecord ? `, ${recordOf(next)}` : ''
    const { result, ok: called } = guardedCall(code, node, `${fn}(${next.v}, ${row}${record})`, next)
    code.line(`if (${called}) {`)
    resultCode(code, node, result, next, go)
    code.line('}')
  })
  code.line('}')
}

function frozen(code: Code, value: string, freeze: boolean): string {
  return freeze ? `${code.constant(deepFreeze, 'deepFreeze')}(${value})` : value
}
