/** A condition the code relies on did not hold: a defect of Millrace, never of its input. */
class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Throws `InvariantError` with `message` unless `condition` is truthy. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
