import type {
  BranchNode,
  FieldOrFn,
  FilterNode,
  FlatMapNode,
  MapNode,
  PeekNode,
  PlanNode,
  Port,
} from '../../plan/graph.ts'
import { analyseCallback } from '../../serde/json/analyse.ts'
import { toEventTime } from '../../serde/timestamp.ts'
import { headerSection } from '../outputs.ts'
import { allOf, isOut, isThenable, isTrue, resultFailure, thenableFailure } from '../results.ts'
import { type Code, member } from './code.ts'
import { argumentsOf, type Path } from './path.ts'

/** Writes the code of everything behind an output; given to each step so that it can go on. */
export type Continue = (node: PlanNode, port: Port, path: Path) => void

/** The call of a callback: with the record view only where it may be looked at. */
export function callOf(code: Code, fn: Function, path: Path): string {
  const name = code.constant(fn, 'f')
  return analyseCallback(fn).usesRecord ? `${name}(${path.v}, ${recordOf(path)})` : `${name}(${path.v})`
}

export function recordOf(path: Path): string {
  return `T.record.set(${path.kb}, ${path.ks}, ${path.ke}, ${path.k}, T.keyKindInWork, ${path.t}, ${path.h})`
}

/** The value of a field or callback. */
export function fieldCode(code: Code, field: FieldOrFn, path: Path): string {
  return typeof field === 'string' ? member(path.v, field) : callOf(code, field, path)
}

/** The expression that reports a failure; its value is false. */
export function failure(node: PlanNode, error: string, path: Path): string {
  return `T.sides.failed(${node.id}, ${error}, ${path.raw}, ${argumentsOf(path)})`
}

/** Declares `result` and `ok`, and calls; a throw makes `ok` false after the policy's attempts. */
export function guardedCall(
  code: Code,
  node: PlanNode,
  call: string,
  path: Path,
): { result: string; ok: string } {
  const result = code.variable('r')
  const ok = code.variable('ok')
  const retry = 'retry' in node ? node.retry : undefined
  const failed = failure(node, 'e', path)
  const caught =
    retry === undefined || retry.retries === 0
      ? failed
      : `T.parked.park(${node.id}, ${code.constant(retry, 'retry')}, ${argumentsOf(path)}, ${path.start}) ? false : ${failed}`
  code.line(`let ${result}, ${ok} = true`)
  code.line(`try { ${result} = ${call} } catch (e) { ${ok} = ${caught} }`)
  return { result, ok }
}

function refuseThenable(code: Code, node: PlanNode, result: string, path: Path): string {
  const check = code.constant(isThenable, 'isThenable')
  const make = code.constant(thenableFailure, 'thenableFailure')
  return `if (${check}(${result})) ${failure(node, `${make}(${result})`, path)}`
}

export function filterCode(code: Code, node: FilterNode, path: Path, go: Continue): void {
  const { result, ok } = guardedCall(code, node, callOf(code, node.fn, path), path)
  code.line(`if (${ok}) {`)
  code.line(
    `if (${result} !== true && ${result} !== false) ${refuseThenable(code, node, result, path)}, ${result} = false`,
  )
  code.line('}')
  code.line(`if (${ok} && ${result}) {`)
  go(node, 'out', path)
  code.line('}')
}

export function peekCode(code: Code, node: PeekNode, path: Path, go: Continue): void {
  const { result, ok } = guardedCall(code, node, callOf(code, node.fn, path), path)
  code.line(`if (${ok} && ${result} !== undefined) {`)
  code.line(`${refuseThenable(code, node, result, path)}, ${ok} = false`)
  code.line('}')
  code.line(`if (${ok}) {`)
  go(node, 'out', path)
  code.line('}')
}

export function mapCode(code: Code, node: MapNode, path: Path, go: Continue): void {
  const { result, ok } = guardedCall(code, node, callOf(code, node.fn, path), path)
  code.line(`if (${ok}) {`)
  resultCode(code, node, result, path, go)
  code.line('}')
}

export function flatMapCode(code: Code, node: FlatMapNode, path: Path, go: Continue): void {
  const all = code.constant(allOf, 'allOf')
  const { result, ok } = guardedCall(code, node, `${all}(${callOf(code, node.fn, path)})`, path)
  const each = code.variable('each')
  code.line(`if (${ok}) for (let ${each} of ${result}) {`)
  resultCode(code, node, each, path, go)
  code.line('}')
}

/** Unpacks `out()`, refuses what is no value, and goes on with the new one. */
export function resultCode(code: Code, node: PlanNode, result: string, path: Path, go: Continue): void {
  const v = code.variable('v')
  const k = code.variable('k')
  const t = code.variable('t')
  const h = code.variable('h')
  const ok = code.variable('ok')
  code.line(`let ${v} = ${result}, ${k} = ${path.k}, ${t} = ${path.t}, ${h} = ${path.h}, ${ok} = true`)
  code.line(
    `if (${v} === undefined || (typeof ${v} === 'object' && ${v} !== null) || typeof ${v} === 'function') {`,
  )
  code.line(`if (${code.constant(isOut, 'isOut')}(${v})) {`)
  code.line(`const o = ${v}.options; ${v} = ${v}.value`)
  code.line(`if (o.key !== undefined) ${k} = o.key`)
  code.line(`if (o.headers !== undefined) ${h} = ${code.constant(headerSection, 'headerSection')}(o.headers)`)
  code.line(
    `if (o.timestamp !== undefined) try { ${t} = ${code.constant(toEventTime, 'toEventTime')}(o.timestamp) } catch (e) { ${ok} = ${failure(node, 'e', path)} }`,
  )
  code.line('}')
  const bad = code.variable('bad')
  code.line(`if (${ok}) { const ${bad} = ${code.constant(resultFailure, 'resultFailure')}(${v})`)
  code.line(`if (${bad} !== undefined) ${ok} = ${failure(node, bad, path)} }`)
  code.line('}')
  code.line(`if (${ok}) {`)
  // A key of the record's own belongs to the updates of its window; a new one stands alone.
  const start = path.start === 'NaN' ? 'NaN' : `(${k} === undefined ? ${path.start} : NaN)`
  go(node, 'out', { ...path, v, raw: false, k, t, h, start })
  code.line('}')
}

export function branchCode(code: Code, node: BranchNode, path: Path, go: Continue): void {
  const taken = code.variable('taken')
  code.line(`let ${taken} = -1`)
  const calls = node.cases.map(({ fn }) => callOf(code, fn, path))
  const choose = calls
    .map(
      (call, i) => `${i > 0 ? 'else ' : ''}if (${code.constant(isTrue, 'isTrue')}(${call})) ${taken} = ${i}`,
    )
    .join('; ')
  code.line(
    `try { ${choose || ''}; ${calls.length > 0 ? 'else' : ''} ${taken} = ${calls.length} } catch (e) { ${failure(node, 'e', path)} }`,
  )
  const ports: Port[] = [...node.cases.map(({ name }): Port => `case:${name}`), 'case:otherwise']
  ports.forEach((port, i) => {
    code.line(`${i > 0 ? 'else ' : ''}if (${taken} === ${i}) {`)
    go(node, port, path)
    code.line('}')
  })
}
