import { joinPath } from './schema-error.ts'
import { elements, entries, isAsyncFunction, member, type SchemaFinding, SchemaWalk } from './schema-walk.ts'

/** Types whose JSON Schema says all there is, apart from checks and children. */
const PLAIN = new Set(
  'string number boolean null any unknown never literal enum template_literal array object union intersection tuple record nullable optional nonoptional readonly lazy'.split(
    ' ',
  ),
)
const NORMALISING = new Set(['default', 'prefault', 'catch'])
const NOT_JSON = new Set(
  'date bigint symbol undefined void nan map set file promise function custom'.split(' '),
)
const SAID_CHECKS = new Set(
  'min_length max_length length_equals greater_than less_than multiple_of number_format string_format describe meta'.split(
    ' ',
  ),
)
/** String formats that are nothing but their pattern; the others run code besides (url, ipv6, base64, jwt). */
const PATTERN_FORMATS = new Set(
  'regex email uuid guid cuid cuid2 ulid nanoid xid ksuid datetime date time duration starts_with ends_with includes lowercase uppercase ipv4 cidrv4 e164'.split(
    ' ',
  ),
)
const CHILDREN = [
  'element',
  'innerType',
  'left',
  'right',
  'keyType',
  'valueType',
  'catchall',
  'rest',
  'in',
  'out',
]
const CHILD_LISTS = ['options', 'items']

/** Findings from the definition (`_zod.def`) of a zod 4 schema. */
export function inspectZod(schema: unknown): readonly SchemaFinding[] {
  const walk = new SchemaWalk()
  visit(schema, '', walk)
  return walk.findings
}

function visit(schema: unknown, path: string, walk: SchemaWalk): void {
  const def = member(member(schema, '_zod'), 'def')
  if (def === undefined) walk.add('unknown', path, 'a part that is not zod 4')
  else walk.inside(schema, () => visitDefinition(def, path, walk))
}

function visitDefinition(def: unknown, path: string, walk: SchemaWalk): void {
  visitType(def, path, walk)
  visitCode(member(def, 'transform'), path, walk)
  if (member(def, 'coerce') === true) walk.add('normalises', path, 'a coercion')
  visitCheck(def, path, walk)
  for (const check of elements(member(def, 'checks'))) {
    visitCheck(member(member(check, '_zod'), 'def'), path, walk)
    visitCode(member(member(check, '_zod'), 'check'), path, walk)
  }
  for (const [name, field] of entries(member(def, 'shape'))) visit(field, joinPath(path, name), walk)
  for (const name of CHILDREN) {
    const child = member(def, name)
    if (member(child, '_zod') !== undefined) visit(child, path, walk)
  }
  for (const name of CHILD_LISTS) for (const child of elements(member(def, name))) visit(child, path, walk)
}

function visitType(def: unknown, path: string, walk: SchemaWalk): void {
  const type = String(member(def, 'type'))
  if (PLAIN.has(type)) {
    const getter = member(def, 'getter')
    if (typeof getter === 'function') visit(getter(), path, walk)
  } else if (NORMALISING.has(type)) walk.add('normalises', path, `a ${type}`)
  else if (NOT_JSON.has(type)) walk.add('checks-more', path, `a ${type}, which JSON has not`)
  else if (type === 'transform') walk.add('transforms', path, 'a transform')
  else if (type === 'pipe') {
    // A codec is a pipe with code in it; a plain pipe checks one schema after the other.
    if (member(def, 'transform') !== undefined) walk.add('transforms', path, 'a codec')
    else walk.add('checks-more', path, 'a pipe')
  } else walk.add('unknown', path, `a ${type}`)
}

function visitCheck(def: unknown, path: string, walk: SchemaWalk): void {
  const check = member(def, 'check')
  if (check === undefined) return
  visitCode(member(def, 'fn'), path, walk)
  if (check === 'overwrite') walk.add('normalises', path, 'a normalisation (trim, toLowerCase, overwrite)')
  else if (check === 'custom') walk.add('checks-more', path, 'a refinement')
  else if (!SAID_CHECKS.has(String(check))) walk.add('checks-more', path, `a check (${String(check)})`)
  else if (check === 'string_format') visitFormat(def, path, walk)
}

function visitCode(code: unknown, path: string, walk: SchemaWalk): void {
  if (isAsyncFunction(code)) walk.add('asynchronous', path, 'an async function')
}

function visitFormat(def: unknown, path: string, walk: SchemaWalk): void {
  const format = String(member(def, 'format'))
  const pattern = member(def, 'pattern')
  if (!PATTERN_FORMATS.has(format))
    walk.add('checks-more', path, `a format (${format}) that is more than a pattern`)
  else if (pattern instanceof RegExp && pattern.flags !== '') {
    walk.add('checks-more', path, `a regular expression with flags (${pattern.flags})`)
  }
}
