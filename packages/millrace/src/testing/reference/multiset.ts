/** A row as it is compared: a text that must be equal, and numbers that must be near. */
export interface Row {
  readonly text: string
  readonly near: readonly { readonly name: string; readonly x: unknown; readonly relativeError: number }[]
}

/** Lines shown of one kind of difference; the count is always told. */
const linesShown = 20

/** What is missing and what is too much, counting repetitions. */
export function multisetDifferences(actual: readonly Row[], expected: readonly Row[]): string[] {
  const actualByText = Map.groupBy(actual, row => row.text)
  const expectedByText = Map.groupBy(expected, row => row.text)
  const missing: string[] = []
  const tooMany: string[] = []
  const far: string[] = []
  for (const text of new Set([...expectedByText.keys(), ...actualByText.keys()])) {
    const found = actualByText.get(text) ?? []
    const wanted = expectedByText.get(text) ?? []
    if (found.length < wanted.length) missing.push(`missing ${wanted.length - found.length} × ${text}`)
    if (found.length > wanted.length) tooMany.push(`too much ${found.length - wanted.length} × ${text}`)
    if (found.length === wanted.length) far.push(...farApart(found, wanted))
  }
  const differences = [...cut(missing), ...cut(tooMany), ...cut(far)]
  if (differences.length > 0) differences.unshift(`${actual.length} rows, expected ${expected.length}`)
  return differences
}

/** Rows of one text are paired in the order of their numbers. */
function farApart(actual: readonly Row[], expected: readonly Row[]): string[] {
  const found = actual.toSorted(byNumbers)
  return expected.toSorted(byNumbers).flatMap((wanted, i) =>
    wanted.near.flatMap(({ name, x, relativeError }, column) => {
      const y = found[i]!.near[column]?.x
      return isNear(y, x, relativeError)
        ? []
        : [`${name} is ${y}, expected ${x} ± ${relativeError * 100} % in ${wanted.text}`]
    }),
  )
}

function byNumbers(a: Row, b: Row): number {
  const difference = a.near.map(({ x }, i) => Number(x) - Number(b.near[i]?.x)).find(d => d !== 0)
  return difference ?? 0
}

function isNear(actual: unknown, expected: unknown, relativeError: number): boolean {
  if (typeof actual !== 'number' || typeof expected !== 'number') return actual === expected
  // The last bits of a bound are rounding, not error.
  return Math.abs(actual - expected) <= Math.abs(expected) * relativeError * (1 + 1e-9)
}

function cut(lines: readonly string[]): string[] {
  if (lines.length <= linesShown) return [...lines]
  return [...lines.slice(0, linesShown), `… and ${lines.length - linesShown} more such lines`]
}
