import type { LookupNode, MapNode } from '../../plan/graph.ts'
import { deepFreeze } from '../../serde/freeze.ts'
import { completed, type Picker } from '../decode.ts'
import type { Code } from './code.ts'
import type { Path } from './path.ts'
import { type Continue, callOf, guardedCall, mapCode, resultCode } from './steps.ts'

/**
 * Writes the result of a step that only picks members straight from the text of the record, where that and the row are of the usual kind. `whole`
 * writes the code for all others and for all other steps: a record that the one has written does not come to the other. `table` is the step of the
 * rows, `place` that of the row among its objects, -1 where there is none.
 */
export function pickedCode(
  code: Code,
  node: MapNode | LookupNode,
  table: string,
  place: string,
  freeze: boolean,
  path: Path,
  whole: (path: Path) => void,
): void {
  const picker = path.decoder?.pickers.get(node.id)
  if (picker === undefined) return whole(path)
  const { kb, ks, ke, t } = path
  const picked = code.constant(picker, 'picker')
  code.line(`if (!T.outputs.writePicked(${picked}, ${table}, ${place}, ${kb}, ${ks}, ${ke}, ${t})) {`)
  const v = code.variable('v')
  const c = 'T.input.cursor'
  const value = `${picked}.whole(${kb}, ${c}.valueStart, ${c}.valueEnd, ${path.v})`
  code.line(`const ${v} = ${freeze ? `${code.constant(deepFreeze, 'deepFreeze')}(${value})` : value}`)
  whole({ ...path, v })
  code.line('}')
}

/** The code of a map: what it picks goes from text to text, also beside members that are computed. */
export function pickedMapCode(code: Code, node: MapNode, freeze: boolean, path: Path, go: Continue): void {
  const picker = path.decoder?.pickers.get(node.id)
  if (picker?.isComputing) return computingCode(code, node, picker, path, go)
  pickedCode(code, node, 'undefined', '-1', freeze, path, next => mapCode(code, node, next, go))
}

/** The callback is called once, whatever becomes of its result, and with no more of the value than it computes with. */
function computingCode(code: Code, node: MapNode, picker: Picker, path: Path, go: Continue): void {
  const { kb, ks, ke, t } = path
  const picked = code.constant(picker, 'picker')
  const { result, ok } = guardedCall(code, node, callOf(code, node.fn, path), path)
  const args = [picked, 'undefined', '-1', kb, ks, ke, t, result]
  code.line(`if (${ok} && !T.outputs.writePicked(${args.join(', ')})) {`)
  const c = 'T.input.cursor'
  const value = `${picked}.whole(${kb}, ${c}.valueStart, ${c}.valueEnd, ${path.v})`
  const complete = `${code.constant(completed, 'completed')}(${picked}, ${value}, ${result})`
  resultCode(code, node, complete, path, go)
  code.line('}')
}
