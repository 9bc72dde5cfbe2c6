import { differs, integerAt, nameToQuote, stringToQuote } from './code.ts'
import type { Locate, Slots } from './slots.ts'
import { skipEscape, skipSpace, takeValue } from './tokens.ts'

/**
 * Generates the scanner for these fields: any member order, any white space, strict. It always runs to the
 * closing brace, so that the last of duplicated members wins as it does for `JSON.parse`.
 */
export function compileScanner(names: readonly Uint8Array[], slots: Slots): Locate {
  const make = new Function('slots', 'skipSpace', 'skipEscape', 'takeValue', source(names))
  return make(slots, skipSpace, skipEscape, takeValue)
}

function source(names: readonly Uint8Array[]): string {
  return `'use strict'
const R = slots.ranges, F = slots.numbers, T = slots.tags
return function scan(u, v, s, e) {
  let p = s, c = 0, x = 0, y = 0, m = 0, n = 0, q = 0, k = 0
  ${names.map((_, k) => `T[${k}] = 0`).join('\n')}
  ${space()}
  if (c !== 123) return false
  p++
  ${space()}
  if (c === 125) return skipSpace(u, p + 1, e) === e
  while (p < e) {
    if (c !== 34) return false
    q = ++p
    ${nameToQuote()}
    k = -1
    switch (p - q) {
      ${cases(names)}
    }
    p++
    ${space()}
    if (c !== 58) return false
    p++
    ${space()}
    ${value()}
    ${space()}
    p++
    if (c === 125) return skipSpace(u, p, e) === e
    if (c !== 44) return false
    ${space()}
  }
  return false
}
//# sourceURL=millrace-json-scanner.js`
}

function space(): string {
  return 'c = u[p]; if (c <= 32) { p = skipSpace(u, p, e); c = u[p] }'
}

function cases(names: readonly Uint8Array[]): string {
  const byLength = Map.groupBy(
    names.map((name, k) => ({ name, k })),
    ({ name }) => name.length,
  )
  return [...byLength]
    .map(([length, group]) => {
      const tests = group.map(({ name, k }) => `if (!(${differs(name, 'q') || 'false'})) k = ${k}`)
      return `case ${length}: ${tests.join('\nelse ')}\nbreak`
    })
    .join('\n')
}

function value(): string {
  return `if (c === 34) {
  q = ++p
  ${stringToQuote()}
  if (k >= 0) { T[k] = n; R[2 * k] = q; R[2 * k + 1] = p }
  p++
} else if (c >= 48 && c <= 57) {
  ${integerAt('p = takeValue(u, q, e, slots, k); if (p < 0) return false')}
  else if (k >= 0) { T[k] = 4; F[k] = n; R[2 * k] = q; R[2 * k + 1] = p }
} else {
  p = takeValue(u, p, e, slots, k)
  if (p < 0) return false
}`
}
