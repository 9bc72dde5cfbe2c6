/**
 * Which rules of docs/SEMANTICS.md run without their defence.
 *
 * `npm run rules -- --break` sets `MILLRACE_BREAK` to one rule and demands that the rule's own test then
 * fails. Only the TypeScript sources look at the variable: in the built package no rule is ever broken.
 */
const broken = brokenRules(import.meta.url, process.env.MILLRACE_BREAK)

/**
 * True when the defence of this rule is switched off. The answer never changes while a process lives: ask
 * once, in a constant of the module, not per record.
 */
export function isBroken(rule: string): boolean {
  return broken.has(rule)
}

/** The rules named in `variable` (comma-separated), or none when the module at `moduleUrl` is built code. */
export function brokenRules(moduleUrl: string, variable: string | undefined): ReadonlySet<string> {
  if (!moduleUrl.endsWith('.ts') || !variable) return new Set()
  return new Set(variable.split(',').map(rule => rule.trim()))
}
