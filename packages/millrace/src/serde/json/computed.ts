import type { Expression, Pattern } from 'acorn'
import { type FunctionNode, hiddenAccess } from './analyse.ts'
import { collectReads, isWhole, mentions } from './references.ts'

/** What a parameter calls its argument, or the members of it that it takes apart: their fields by their names. */
export type Argument = string | ReadonlyMap<string, string>

/** Whether a callback has no way to its value but the names that its first parameter gives. */
export function canCompute(node: FunctionNode): boolean {
  const [value, ...others] = node.params
  if (value === undefined || hiddenAccess(node) !== undefined) return false
  return others.every(other => other.type === 'Identifier' && !namesOf(value).includes(other.name))
}

/** The fields that an expression reads of the value; undefined where it may read others, or change what it reads. */
export function fieldsComputedOf(node: Expression, value: Argument): readonly string[] | undefined {
  if (mentions(node, ({ type }) => changing.has(type))) return undefined
  if (typeof value === 'string') {
    const reads = collectReads(node, value)
    return isWhole(reads) ? undefined : [...reads.fields]
  }
  const isRead = (name: string) => mentions(node, each => each.type === 'Identifier' && each.name === name)
  return [...value].filter(([name]) => isRead(name)).map(([, field]) => field)
}

/** What may give a name of the value another meaning. */
const changing: ReadonlySet<string> = new Set([
  'AssignmentExpression',
  'UpdateExpression',
  'ForInStatement',
  'ForOfStatement',
])

function namesOf(pattern: Pattern): readonly string[] {
  if (pattern.type === 'Identifier') return [pattern.name]
  if (pattern.type !== 'ObjectPattern') return []
  return pattern.properties.flatMap(property =>
    property.type === 'Property' ? namesOf(property.value) : namesOf(property.argument),
  )
}
