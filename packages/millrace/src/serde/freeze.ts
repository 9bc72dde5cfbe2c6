/**
 * Freezes a JSON-like value all the way down and gives it back, so that a mutation throws (SEMANTICS 5.4).
 * Cycles and any depth are fine. Objects with a class of their own (a Date, a Map) are left alone.
 */
export function deepFreeze<T>(value: T): T {
  const open: object[] = []
  /** Those that were frozen when they were met: somebody else's work, perhaps only skin-deep. */
  const frozenBefore = new Set<object>()
  const meet = (found: unknown) => {
    if (typeof found !== 'object' || found === null || !isJsonLike(found)) return
    if (Object.isFrozen(found)) {
      if (frozenBefore.has(found)) return
      frozenBefore.add(found)
    } else {
      Object.freeze(found)
    }
    open.push(found)
  }
  meet(value)
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const child of Array.isArray(next) ? next : Object.values(next)) meet(child)
  }
  return value
}

function isJsonLike(value: object): boolean {
  if (Array.isArray(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
