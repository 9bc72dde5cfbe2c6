import { type ArrowFunctionExpression, type FunctionExpression, type Node, type Pattern, parse } from 'acorn'
import { unprojectable } from './projectable.ts'
import { collectReads, type FieldReads, isWhole, mentions, type WholeUse } from './references.ts'

/** What a callback can see of a record. */
interface Sight {
  /** Whether the parameter behind the value, the record, can be seen; true whenever that is not certain. */
  readonly usesRecord: boolean
  /** An async function gives a thenable, which only `forEach` may return (SEMANTICS 7.5). */
  readonly isAsync: boolean
}

/** The callback reads these members of the value and nothing else of it. */
export interface ProjectedUse extends Sight {
  readonly fields: readonly string[]
  readonly whole?: undefined
}

/** The callback may see all of the value; `reason` is what `describe` prints. */
export interface WholeRecordUse extends Sight {
  readonly whole: true
  readonly reason: string
}

export type CallbackUse = ProjectedUse | WholeRecordUse

export type FunctionNode = ArrowFunctionExpression | FunctionExpression

/**
 * Says which members of a value a callback reads, by the allow-list of SEMANTICS 5.5. Never calls it. `at` is the
 * place of the value among its arguments.
 */
export function analyseCallback(fn: Function, at = 0): CallbackUse {
  const source = Function.prototype.toString.call(fn)
  const node = parseFunction(source)
  if (typeof node === 'string') return { ...whole(node), usesRecord: true, isAsync: /^async\b/.test(source) }
  const secret = hiddenAccess(node)
  const reads = secret === undefined ? readsOf(node, at) : whole(secret)
  const usesRecord =
    secret !== undefined || node.params.length > at + 1 || node.params.at(-1)?.type === 'RestElement'
  return isWhole(reads)
    ? { whole: true, reason: reads.reason, usesRecord, isAsync: node.async }
    : { fields: [...reads.fields], usesRecord, isAsync: node.async }
}

/** The same for what SEMANTICS 5.3 allows wherever a field is meant: its name, or a callback. */
export function analyseFieldOrFn(field: string | Function): CallbackUse {
  if (typeof field === 'function') return analyseCallback(field)
  const reason = unprojectable(field)
  return reason === undefined
    ? { fields: [field], usesRecord: false, isAsync: false }
    : { whole: true, reason, usesRecord: false, isAsync: false }
}

function whole(reason: string): WholeUse {
  return { whole: true, reason }
}

/** The function that a source text is, or why it cannot be looked at. */
export function parseFunction(source: string): FunctionNode | string {
  const node = parseExpression(source, 'module') ?? parseExpression(source, 'script')
  if (node === undefined) return 'its source cannot be read (a method, getter, bound or native function)'
  if (node.type === 'ClassExpression') return 'it is a class'
  if (node.type !== 'ArrowFunctionExpression' && node.type !== 'FunctionExpression')
    return 'it is not a function'
  return (node as FunctionNode).generator ? 'it is a generator' : (node as FunctionNode)
}

function parseExpression(source: string, sourceType: 'module' | 'script'): Node | undefined {
  try {
    const { body } = parse(`(${source}\n)`, { ecmaVersion: 'latest', sourceType })
    const [statement] = body
    return body.length === 1 && statement?.type === 'ExpressionStatement' ? statement.expression : undefined
  } catch {
    return undefined
  }
}

/** Ways to the arguments that name no parameter. */
export function hiddenAccess(node: FunctionNode): string | undefined {
  if (mentions(node, n => n.type === 'Identifier' && n.name === 'arguments')) return 'it uses "arguments"'
  if (mentions(node, n => n.type === 'Identifier' && n.name === 'eval')) return 'it uses "eval"'
  if (mentions(node, n => n.type === 'WithStatement')) return 'it uses "with"'
  return undefined
}

function readsOf(node: FunctionNode, at: number): FieldReads | WholeUse {
  const value = node.params[at]
  const others = node.params.filter(other => other !== value)
  if (others.some(other => other.type === 'RestElement' && node.params.indexOf(other) < at))
    return whole('its parameters are taken as a list')
  if (value === undefined) return { fields: new Set() }
  if (value.type === 'ObjectPattern') return readsOfPattern(value)
  if (value.type !== 'Identifier')
    return whole(`its ${ordinals[at]} parameter is neither a name nor an object pattern`)
  const { name } = value
  if (others.some(other => mentions(other, n => n.type === 'Identifier' && n.name === name)))
    return whole(`another parameter names "${name}"`)
  return collectReads(node.body, name)
}

const ordinals = ['first', 'second']

function readsOfPattern(pattern: Extract<Pattern, { type: 'ObjectPattern' }>): FieldReads | WholeUse {
  const fields = new Set<string>()
  for (const property of pattern.properties) {
    if (property.type === 'RestElement') return whole('its object pattern takes the rest of the members')
    if (property.computed) return whole('its object pattern has a computed key')
    const { key } = property
    const name = key.type === 'Identifier' ? key.name : key.type === 'Literal' ? key.value : undefined
    if (typeof name !== 'string') return whole('its object pattern has a key that is not a name')
    const reason = unprojectable(name)
    if (reason !== undefined) return whole(reason)
    fields.add(name)
  }
  return { fields }
}
