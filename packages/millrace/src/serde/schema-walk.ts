/** Something in a schema that its JSON Schema does not say, or says wrongly, or that cannot be used at all. */
export interface SchemaFinding {
  /** `checks-more`: a check that JSON Schema leaves out. `unknown`: a part that is not recognised. */
  readonly effect: 'asynchronous' | 'transforms' | 'normalises' | 'checks-more' | 'unknown'
  /** Where: `user.tags`, or the empty string for the whole value. */
  readonly path: string
  /** What it is, in words that complete "the schema has …". */
  readonly what: string
}

/** Reads a member of a value of unknown shape; `undefined` when there is none. */
export function member(value: unknown, name: string): unknown {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined
  return (value as Record<string, unknown>)[name]
}

/** The elements of what should be an array; none when it is not one. */
export function elements(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The own members of what should be an object; none when it is not one. */
export function entries(value: unknown): readonly [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}

/** True for what was written as an `async` function; a plain function that returns a promise cannot be told. */
export function isAsyncFunction(value: unknown): boolean {
  return typeof value === 'function' && value.constructor.name === 'AsyncFunction'
}

/** Collects findings while a schema, possibly a recursive one, is walked. */
export class SchemaWalk {
  readonly findings: SchemaFinding[] = []
  readonly #open = new Set<unknown>()

  add(effect: SchemaFinding['effect'], path: string, what: string): void {
    this.findings.push({ effect, path, what })
  }

  /** Runs `visit` unless the walk is inside this very node already. A node that is used twice is visited twice: at two paths. */
  inside(node: unknown, visit: () => void): void {
    if (this.#open.has(node)) return
    this.#open.add(node)
    visit()
    this.#open.delete(node)
  }
}
