/** The time between two losses: what was owned in one is nobody's business in the next. */
export interface Era {
  readonly over: Promise<void>
  end(): void
  isOver: boolean
}

export function newEra(): Era {
  const { promise, resolve } = Promise.withResolvers<void>()
  const era = {
    over: promise,
    isOver: false,
    end: () => {
      era.isOver = true
      resolve()
    },
  }
  return era
}
