import type { Expression, ObjectExpression, Pattern, Property } from 'acorn'
import { type FunctionNode, parseFunction } from './analyse.ts'
import { type Argument, canCompute, fieldsComputedOf } from './computed.ts'
import { unprojectable } from './projectable.ts'

/** What JSON says with one token. */
export type Constant = string | number | boolean | null

/** A member that is read of one of the callback's arguments. */
export interface PickedField {
  /** The place of the argument: 0 is the value, 1 the row it is joined with. */
  readonly of: 0 | 1
  readonly field: string
  /** Reading it of undefined gives undefined: `row?.city`. */
  readonly isOptional: boolean
  /** Stands in for null and undefined: `row?.city ?? 'none'`. */
  readonly otherwise?: Constant
}

/** A member that only a call of the callback gives. */
export interface ComputedMember {
  /** What the call reads of the value for it. */
  readonly computedOf: readonly string[]
}

/** A member of the object that a callback gives. */
export type PickedMember = { readonly name: string } & (
  | PickedField
  | { readonly constant: Constant }
  | ComputedMember
)

/**
 * The members of the object that a callback gives, where all it does is to pick them: each is a member of an argument, or a constant. So
 * what it gives can be written without a call. Undefined for any other callback.
 */
export function pickedMembers(fn: Function): readonly PickedMember[] | undefined {
  const node = parseFunction(Function.prototype.toString.call(fn))
  if (typeof node === 'string' || node.async || node.params.length > 2) return undefined
  const args = node.params.map(argumentOf)
  if (args.some(each => each === undefined)) return undefined
  const picked = membersOf(node, args as Argument[])
  if (picked === undefined) return undefined
  // Taking apart what is undefined throws, also where nothing of it is used.
  const isForNothing = typeof args[1] !== 'string' && picked.every(each => !isOf(each, 1))
  return args.length === 2 && isForNothing ? undefined : picked
}

/**
 * The same for a callback of one value that works some of its members out, and picks others: those need not be made for the call, which sees
 * nothing of them but in the members that they become. Undefined where nothing is picked.
 */
export function pickedAndComputed(fn: Function): readonly PickedMember[] | undefined {
  const node = parseFunction(Function.prototype.toString.call(fn))
  if (typeof node === 'string' || node.async || !canCompute(node)) return undefined
  const [value] = node.params.map(argumentOf)
  if (value === undefined) return undefined
  const picked = membersOf(node, [value], each => fieldsComputedOf(each, value))
  return picked?.some(member => isOf(member, 0)) ? picked : undefined
}

/** Whether a member is read of an argument. */
export function isOf(member: PickedMember, of: 0 | 1): member is { readonly name: string } & PickedField {
  return 'of' in member && member.of === of
}

export function isComputed(member: PickedMember): member is { readonly name: string } & ComputedMember {
  return 'computedOf' in member
}

/** What an expression that is no pick reads of the value; undefined where that is not certain. */
type Computes = (node: Expression) => readonly string[] | undefined

function membersOf(
  node: FunctionNode,
  args: readonly Argument[],
  computes: Computes = () => undefined,
): readonly PickedMember[] | undefined {
  const members = literalOf(node)?.properties.map(property =>
    property.type === 'Property' ? memberOf(property, args, computes) : undefined,
  )
  if (members === undefined || members.length === 0 || members.includes(undefined)) return undefined
  const picked = members as PickedMember[]
  return new Set(picked.map(({ name }) => name)).size < picked.length ? undefined : picked
}

function literalOf({ body }: FunctionNode): ObjectExpression | undefined {
  if (body.type === 'ObjectExpression') return body
  if (body.type !== 'BlockStatement' || body.body.length !== 1) return undefined
  const [only] = body.body
  return only?.type === 'ReturnStatement' && only.argument?.type === 'ObjectExpression'
    ? only.argument
    : undefined
}

function argumentOf(pattern: Pattern): Argument | undefined {
  if (pattern.type === 'Identifier') return pattern.name
  if (pattern.type !== 'ObjectPattern') return undefined
  const fields = new Map<string, string>()
  for (const property of pattern.properties) {
    if (property.type === 'RestElement' || property.value.type !== 'Identifier') return undefined
    const field = nameOf(property)
    if (field === undefined || unprojectable(field) !== undefined) return undefined
    fields.set(property.value.name, field)
  }
  return fields
}

function memberOf(
  property: Property,
  args: readonly Argument[],
  computes: Computes,
): PickedMember | undefined {
  const name = nameOf(property)
  if (property.kind !== 'init' || property.method || name === undefined || isMoved(name)) return undefined
  const constant = constantOf(property.value)
  if (constant !== undefined) return { name, constant }
  const picked = fieldOf(property.value, args)
  if (picked !== undefined) return { name, ...picked }
  const computedOf = computes(property.value)
  return computedOf === undefined ? undefined : { name, computedOf }
}

/** Names that mean more than a member at the place where it is written: numbers go first, others change what the object is. */
function isMoved(name: string): boolean {
  return /^\d+$/.test(name) || ['__proto__', 'toJSON', 'then'].includes(name) || !name.isWellFormed()
}

function nameOf({ key, computed }: Pick<Property, 'key' | 'computed'>): string | undefined {
  if (computed) return undefined
  if (key.type === 'Identifier') return key.name
  return key.type === 'Literal' && typeof key.value === 'string' ? key.value : undefined
}

function constantOf(node: Expression): Constant | undefined {
  if (node.type === 'UnaryExpression' && node.operator === '-') {
    const size = constantOf(node.argument)
    return typeof size === 'number' ? -size : undefined
  }
  if (node.type !== 'Literal' || node.regex != null || node.bigint != null) return undefined
  return node.value as Constant
}

function fieldOf(node: Expression, args: readonly Argument[]): PickedField | undefined {
  if (node.type === 'LogicalExpression') {
    const otherwise = node.operator === '??' ? constantOf(node.right) : undefined
    const picked = fieldOf(node.left, args)
    if (otherwise === undefined || picked === undefined || picked.otherwise !== undefined) return undefined
    return { ...picked, otherwise }
  }
  if (node.type === 'ChainExpression') return fieldOf(node.expression, args)
  if (node.type === 'Identifier') return ofPattern(node.name, args)
  if (node.type !== 'MemberExpression' || node.object.type !== 'Identifier') return undefined
  const { name } = node.object
  const of = args.indexOf(name)
  const field = nameOf({ key: node.property as Expression, computed: false })
  const isNamed = !node.computed || node.property.type === 'Literal'
  if (of < 0 || !isNamed || field === undefined || unprojectable(field) !== undefined) return undefined
  return { of: of as 0 | 1, field, isOptional: node.optional }
}

function ofPattern(name: string, args: readonly Argument[]): PickedField | undefined {
  const of = args.findIndex(each => typeof each !== 'string' && each.has(name))
  if (of < 0) return undefined
  return { of: of as 0 | 1, field: (args[of] as ReadonlyMap<string, string>).get(name)!, isOptional: false }
}
