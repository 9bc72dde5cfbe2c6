import type { Random } from '../../packages/millrace/src/std/random.ts'

export type { Random }

export function pick<T>(list: readonly T[], random: Random): T {
  return list[Math.floor(random() * list.length)]!
}

/** The same things in another order. */
export function shuffled<T>(list: readonly T[], random: Random): T[] {
  const rest = [...list]
  const drawn: T[] = []
  while (rest.length > 0) drawn.push(...rest.splice(Math.floor(random() * rest.length), 1))
  return drawn
}
