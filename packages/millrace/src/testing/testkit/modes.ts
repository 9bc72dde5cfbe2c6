import { describe } from 'node:test'

/** The compiled loop and the interpreter: every rule holds in both. */
const modes = ['compiled', 'interpreted'] as const

/** A suite for each of them. */
export function describeModes(name: string, suite: (mode: (typeof modes)[number]) => void): void {
  for (const mode of modes) describe(`${name}, ${mode}`, () => suite(mode))
}
