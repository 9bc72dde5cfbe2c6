/** Names every ordinary object answers to: reading one gives something even where the JSON has no such member. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))

/**
 * Why a member of this name must not be decoded alone, or undefined when it may be (SEMANTICS 5.5).
 *
 * Text that holds U+FFFD, or that has no UTF-8 of its own, cannot be told from broken bytes by comparing bytes.
 */
export function unprojectable(name: string): string | undefined {
  if (INHERITED.has(name)) return `"${name}" is a name every object has`
  if (name === 'then') return 'reading "then" is how a promise is recognised'
  if (name.includes('\ufffd') || !name.isWellFormed())
    return `${JSON.stringify(name)} has no bytes of its own`
  return undefined
}
