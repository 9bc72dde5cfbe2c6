import { type AnyNode, type Node, parse } from 'acorn'

/**
 * Whether a callback certainly calls `out(value, { key: … })`. A call that cannot be seen (another name, options
 * from elsewhere) is found when it runs.
 */
export function setsKey(fn: Function): boolean {
  try {
    return contains(
      parse(`(${Function.prototype.toString.call(fn)}\n)`, { ecmaVersion: 'latest' }),
      isKeyedOut,
    )
  } catch {
    return false
  }
}

function isKeyedOut(node: Node): boolean {
  if (!isType(node, 'CallExpression')) return false
  const { callee } = node
  const name = isType(callee, 'Identifier')
    ? callee
    : isType(callee, 'MemberExpression')
      ? callee.property
      : undefined
  const options = node.arguments[1]
  return (
    name !== undefined &&
    isType(name, 'Identifier') &&
    name.name === 'out' &&
    options !== undefined &&
    isType(options, 'ObjectExpression') &&
    options.properties.some(
      property =>
        isType(property, 'Property') && isType(property.key, 'Identifier') && property.key.name === 'key',
    )
  )
}

function contains(node: Node, wanted: (node: Node) => boolean): boolean {
  return wanted(node) || childrenOf(node).some(child => contains(child, wanted))
}

function childrenOf(node: Node): Node[] {
  const isNode = (member: unknown): member is Node =>
    typeof member === 'object' && member !== null && 'type' in member && 'start' in member
  return Object.values(node).flat().filter(isNode)
}

function isType<T extends AnyNode['type']>(node: Node, type: T): node is Extract<AnyNode, { type: T }> {
  return node.type === type
}
