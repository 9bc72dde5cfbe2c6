import type { Identifier, MemberExpression, Node, UnaryExpression } from 'acorn'
import { unprojectable } from './projectable.ts'

/** The members that are read of one variable. */
export interface FieldReads {
  readonly fields: ReadonlySet<string>
  readonly whole?: undefined
}

/** The variable is used in a way that may reach every member. */
export interface WholeUse {
  readonly whole: true
  readonly reason: string
}

export function isWhole(reads: FieldReads | WholeUse): reads is WholeUse {
  return reads.whole === true
}

/** Whether `test` holds for `node` or for any node below it. */
export function mentions(node: Node, test: (node: Node & { name?: unknown }) => boolean): boolean {
  return test(node) || childrenOf(node).some(([, child]) => mentions(child, test))
}

/**
 * Finds every use of the variable `name` in `body`. A scope within that declares the name again is left out;
 * a declaration whose scope is not plain to see makes it a use of the whole.
 */
export function collectReads(body: Node, name: string): FieldReads | WholeUse {
  const fields = new Set<string>()
  const reason = visit(body, undefined)
  return reason === undefined ? { fields } : { whole: true, reason }

  function visit(node: Node, place: Place | undefined): string | undefined {
    if (isNamed(node) && place?.key !== 'label') return `"${name}" is used as a whole (${describeUse(place)})`
    if (node.type === 'MemberExpression' && isNamed((node as MemberExpression).object))
      return visitRead(node as MemberExpression, place)
    for (const [key, child] of scopedChildren(node)) {
      const found = visit(child, { parent: node, key, up: place })
      if (found !== undefined) return found
    }
    return undefined
  }

  function visitRead(node: MemberExpression, place: Place | undefined): string | undefined {
    const field = fieldOf(node)
    if (field === undefined) return `"${name}[…]" reads a member that is known only when it runs`
    const misuse = misuseOf(place)
    if (misuse !== undefined) return `"${name}.${field}" is ${misuse}`
    fields.add(field)
    return unprojectable(field)
  }

  function isNamed(node: Node): boolean {
    return node.type === 'Identifier' && (node as Identifier).name === name
  }

  /** The children that stand in a scope where `name` is still the variable looked for. */
  function scopedChildren(node: Node): Child[] {
    const children = childrenOf(node)
    switch (node.type) {
      case 'ArrowFunctionExpression':
      case 'FunctionExpression':
        return children.some(([key, child]) => (key === 'params' || key === 'id') && binds(child))
          ? []
          : children
      case 'FunctionDeclaration':
        // Its own name belongs to the scope around it, so only parameters shadow here.
        return children.some(([key, child]) => key === 'params' && binds(child))
          ? children.filter(([key]) => key === 'id')
          : children
      case 'BlockStatement':
        return node !== body && children.some(([, child]) => declaresInBlock(child)) ? [] : children
      case 'ForStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
        return children.some(([key, child]) => key !== 'body' && declaresInBlock(child)) ? [] : children
      case 'CatchClause':
        return children.some(([key, child]) => key === 'param' && binds(child)) ? [] : children
      default:
        return children
    }
  }

  function declaresInBlock(node: Node): boolean {
    if (node.type === 'VariableDeclaration')
      return (
        (node as { kind?: string }).kind !== 'var' &&
        childrenOf(node).some(([, child]) => declaratorBinds(child))
      )
    if (node.type !== 'FunctionDeclaration' && node.type !== 'ClassDeclaration') return false
    return childrenOf(node).some(([key, child]) => key === 'id' && isNamed(child))
  }

  function declaratorBinds(node: Node): boolean {
    return childrenOf(node).some(([key, child]) => key === 'id' && binds(child))
  }

  function binds(pattern: Node): boolean {
    if (isNamed(pattern)) return true
    return childrenOf(pattern).some(([key, child]) =>
      pattern.type === 'AssignmentPattern' ? key === 'left' && binds(child) : key !== 'key' && binds(child),
    )
  }
}

/** Where a node stands: in which parent, under which of its keys. */
interface Place {
  readonly parent: Node
  readonly key: string
  readonly up: Place | undefined
}

function fieldOf({ property, computed }: MemberExpression): string | undefined {
  if (!computed) return property.type === 'Identifier' ? property.name : undefined
  return property.type === 'Literal' && typeof property.value === 'string' ? property.value : undefined
}

function describeUse(place: Place | undefined): string {
  switch (place?.parent.type) {
    case undefined:
    case 'ReturnStatement':
      return 'returned'
    case 'CallExpression':
      return 'handed to a function'
    case 'SpreadElement':
      return 'spread'
    case 'VariableDeclarator':
      return place?.key === 'id' ? 'declared again' : 'given another name'
    case 'AssignmentExpression':
      return 'assigned'
    default:
      return place?.parent.type ?? ''
  }
}

/** What the place of `v.field` does beyond reading it, or undefined. */
function misuseOf(place: Place | undefined): string | undefined {
  if (place === undefined) return undefined
  const { parent, key, up } = place
  switch (parent.type) {
    case 'ChainExpression':
      // (v?.f)() still calls on v, and delete v?.f still deletes.
      return misuseOf(up)
    case 'CallExpression':
    case 'NewExpression':
      return key === 'callee' ? 'called on the value' : undefined
    case 'TaggedTemplateExpression':
      return key === 'tag' ? 'called on the value' : undefined
    case 'UpdateExpression':
      return 'changed'
    case 'UnaryExpression':
      return (parent as UnaryExpression).operator === 'delete' ? 'deleted' : undefined
    case 'AssignmentExpression':
    case 'ForInStatement':
    case 'ForOfStatement':
    case 'AssignmentPattern':
      return key === 'left' ? 'assigned' : undefined
    case 'ArrayPattern':
    case 'RestElement':
      return 'assigned'
    case 'Property':
      return up?.parent.type === 'ObjectPattern' && key === 'value' ? 'assigned' : undefined
    default:
      return undefined
  }
}

type Child = readonly [key: string, node: Node]

function childrenOf(node: Node): Child[] {
  const children: Child[] = []
  for (const [key, value] of Object.entries(node)) {
    if (isStaticName(node, key)) continue
    for (const item of Array.isArray(value) ? value : [value]) if (isNode(item)) children.push([key, item])
  }
  return children
}

/** A name that stands for itself and refers to no variable: `{ v: 1 }`, `x.v`. */
function isStaticName(node: Node, key: string): boolean {
  const { computed } = node as { computed?: boolean }
  if (computed === true) return false
  if (node.type === 'MemberExpression') return key === 'property'
  return key === 'key' && ['Property', 'MethodDefinition', 'PropertyDefinition'].includes(node.type)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}
