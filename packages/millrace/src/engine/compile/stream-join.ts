import type { HoldNode, StreamJoinNode } from '../../plan/graph.ts'
import { deepFreeze } from '../../serde/freeze.ts'
import { analyseCallback } from '../../serde/json/analyse.ts'
import type { Side } from '../joins/join-buffer.ts'
import type { Code } from './code.ts'
import { keyedStepCode } from './key-check.ts'
import { argumentsOf, arrivalPath, type Path } from './path.ts'
import { type Continue, guardedCall, recordOf, resultCode } from './steps.ts'

/** A record comes to a join of streams. */
export function joinArrivalCode(
  code: Code,
  node: StreamJoinNode,
  side: Side,
  isText: boolean,
  path: Path,
): void {
  const { step, ok } = keyedStepCode(code, node, path)
  const { v, kb, ks, ke, t } = path
  const own = path.late?.own ?? '-Infinity'
  const w = code.variable('w')
  code.line(`const ${w} = ${path.late === undefined ? own : `Math.max(${own}, ${path.late.task})`}`)
  code.line(`if (!${ok});`)
  const byRelease = `${path.mayBeRow ? 'T.rowKeyKind === undefined && ' : ''}${step}.closesAt(${side}, ${t}) > ${own}`
  code.line(
    `else if (${step}.isLate(${side}, ${t}, ${w})) T.sides.late(${node.id}, ${byRelease}, ${path.raw}, ${argumentsOf(path)})`,
  )
  code.line(`else ${step}.arrive(${side}, ${v}, ${isText && path.raw}, ${kb}, ${ks}, ${ke}, ${t}, ${w})`)
}

/** The function of two records that meet, or of one that goes out alone. Gives its name. */
export function pairCode(code: Code, node: StreamJoinNode, freeze: boolean, go: Continue): string {
  const name = code.variable('pair')
  code.line(`function ${name}(T, left, right, kb, ks, ke, t) {`)
  code.line('const lateOwn = T.judgedOwn, lateTask = T.judgedTask')
  const frozen = freeze ? code.constant(deepFreeze, 'deepFreeze') : ''
  // What was kept as text has been decoded in part.
  const whole = `T.steps[${node.id}].wholeOf(left, right)`
  const path: Path = { ...arrivalPath(false), v: whole, k: 'undefined', h: 'null', start: 'NaN' }
  const record = analyseCallback(node.fn, 1).usesRecord ? `, ${recordOf(path)}` : ''
  const call = `${code.constant(node.fn, 'f')}(${frozen}(left), ${frozen}(right)${record})`
  const { result, ok } = guardedCall(code, node, call, path)
  code.line(`if (${ok}) {`)
  resultCode(code, node, result, path, go)
  code.line('}')
  code.line('}')
  return name
}

/** A record is held until its time, or goes on at once where that has passed. */
export function holdCode(code: Code, node: HoldNode, path: Path, go: Continue): void {
  const { step, ok } = keyedStepCode(code, node, path)
  const { v, kb, ks, ke, t, h } = path
  code.line(`if (!${ok});`)
  code.line(`else if (${step}.mustHold(${t})) ${step}.hold(${v}, ${kb}, ${ks}, ${ke}, ${t}, ${h})`)
  code.line('else {')
  go(node, 'out', { ...path, raw: false })
  code.line('}')
}
