import { joinPath } from './schema-error.ts'
import { elements, entries, member, type SchemaFinding, SchemaWalk } from './schema-walk.ts'

/** Actions that valibot counts as transformations and that change types only. */
const TYPE_ONLY = new Set(['brand', 'flavor', 'readonly'])
/** Actions whose result they leave as it is when they meet it again. */
const NORMALISING = new Set(
  'trim trim_start trim_end to_lower_case to_upper_case normalize to_min_value to_max_value'.split(' '),
)
const CHILDREN = ['item', 'wrapped', 'key', 'value', 'rest']
const CHILD_LISTS = ['options', 'items']

/** Findings from the definition of a valibot 1 schema. Its checks are not looked at: valibot itself offers no JSON Schema. */
export function inspectValibot(schema: unknown): readonly SchemaFinding[] {
  const walk = new SchemaWalk()
  visit(schema, '', walk)
  return walk.findings
}

function visit(node: unknown, path: string, walk: SchemaWalk): void {
  walk.inside(node, () => visitSchema(node, path, walk))
}

function visitSchema(node: unknown, path: string, walk: SchemaWalk): void {
  if (member(node, 'async') === true) walk.add('asynchronous', path, 'an asynchronous part')
  if (member(node, 'default') !== undefined) walk.add('normalises', path, 'a default')
  if (member(node, 'fallback') !== undefined) walk.add('normalises', path, 'a fallback')
  if (member(node, 'getter') !== undefined) walk.add('unknown', path, 'a lazy part')
  for (const action of elements(member(node, 'pipe'))) visitAction(action, path, walk)
  for (const [name, field] of entries(member(node, 'entries'))) visit(field, joinPath(path, name), walk)
  for (const name of CHILDREN) {
    const child = member(node, name)
    if (member(child, 'kind') === 'schema') visit(child, path, walk)
  }
  for (const name of CHILD_LISTS) {
    for (const child of elements(member(node, name))) {
      if (member(child, 'kind') === 'schema') visit(child, path, walk)
    }
  }
}

function visitAction(action: unknown, path: string, walk: SchemaWalk): void {
  const kind = member(action, 'kind')
  const type = String(member(action, 'type'))
  if (kind === 'schema') visit(action, path, walk)
  else if (kind === 'transformation' && !TYPE_ONLY.has(type)) {
    walk.add(NORMALISING.has(type) ? 'normalises' : 'transforms', path, `a transformation (${type})`)
  }
}
