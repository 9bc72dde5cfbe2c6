import { joinPath } from './schema-error.ts'
import { elements, entries, member, type SchemaFinding, SchemaWalk } from './schema-walk.ts'

/** Findings from the internal form (`.json`) that an arktype 2 type lays open. */
export function inspectArktype(schema: unknown): readonly SchemaFinding[] {
  const walk = new SchemaWalk()
  visit(member(schema, 'json'), '', walk)
  return walk.findings
}

function visit(node: unknown, path: string, walk: SchemaWalk): void {
  if (typeof node === 'string') visitName(node, path, walk)
  else if (Array.isArray(node)) for (const child of node) visit(child, path, walk)
  else visitNode(node, path, walk)
}

function visitNode(node: unknown, path: string, walk: SchemaWalk): void {
  if (elements(member(node, 'morphs')).length > 0) walk.add('transforms', path, 'a morph')
  if (member(node, 'predicate') !== undefined) walk.add('checks-more', path, 'a narrow (predicate)')
  for (const pattern of elements(member(node, 'pattern'))) visitPattern(pattern, path, walk)
  for (const side of ['required', 'optional']) {
    for (const prop of elements(member(node, side))) visitProperty(prop, path, walk)
  }
  for (const [name, child] of entries(node)) {
    if (DESCENDED.has(name)) visit(child, path, walk)
  }
}

const DESCENDED = new Set([
  'in',
  'branches',
  'domain',
  'proto',
  'sequence',
  'index',
  'signature',
  'value',
  'variadic',
  'prefix',
  'postfix',
])

function visitProperty(prop: unknown, path: string, walk: SchemaWalk): void {
  const at = joinPath(path, String(member(prop, 'key')))
  if (typeof prop === 'object' && prop !== null && Object.hasOwn(prop, 'default')) {
    walk.add('normalises', at, 'a default')
  }
  visit(member(prop, 'value'), at, walk)
}

function visitPattern(pattern: unknown, path: string, walk: SchemaWalk): void {
  const flags = member(pattern, 'flags')
  if (typeof flags === 'string' && flags !== '') {
    walk.add('checks-more', path, `a regular expression with flags (${flags})`)
  }
}

const DOMAINS = new Set(['string', 'number', 'boolean', 'object', 'Array'])

function visitName(name: string, path: string, walk: SchemaWalk): void {
  if (name.startsWith('$')) walk.add('unknown', path, 'a reference to another type')
  else if (!DOMAINS.has(name)) walk.add('checks-more', path, `a ${name}, which JSON has not`)
}
