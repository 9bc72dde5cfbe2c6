import type { LookupNode, MapNode } from '../../plan/graph.ts'
import { deepFreeze } from '../../serde/freeze.ts'
import type { Code } from './code.ts'
import type { Path } from './path.ts'

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
