/** One positive step of a pattern. */
export interface Stage {
  readonly name: string
  /** Which predicate its records satisfy. */
  readonly predicate: number
  /** No other record of the key may come between its records and the one before each. */
  readonly isStrict: boolean
  readonly min: number
  readonly max: number
  readonly isOptional: boolean
  /** Predicates that no record may satisfy between the stage before and this one. */
  readonly forbidden: readonly number[]
}

export interface PatternPlan {
  readonly stages: readonly Stage[]
  /** Predicates that no record may satisfy behind the last stage, until the time is over. */
  readonly forbiddenAfter: readonly number[]
}

/** A partial match: JSON, kept under the key. */
export interface Run {
  /** Event times of its first and last record. */
  readonly start: number
  readonly last: number
  readonly stage: number
  /** Records taken at that stage. */
  readonly count: number
  /** Another record has come since the last one that was taken. */
  readonly hasGap: boolean
  readonly taken: readonly (readonly [stage: number, value: unknown])[]
}

/** A run that begins with a record of the first stage. */
export function begin(time: number, value: unknown): Run {
  return { start: time, last: time, stage: 0, count: 1, hasGap: false, taken: [[0, value]] }
}

/**
 * What a record makes of a run: it is taken where it fits, at the stage in work before the next; it ends the run where it is
 * forbidden, or where nothing may come between; otherwise the run goes on waiting. Undefined for a run that has ended.
 */
export function advance(
  plan: PatternPlan,
  run: Run,
  satisfied: readonly number[],
  time: number,
  value: unknown,
): Run | undefined {
  const { stages } = plan
  const current = stages[run.stage]!
  const isEnough = run.count >= current.min
  if (isEnough && forbiddenBehind(plan, run.stage).some(each => satisfied.includes(each))) return undefined
  const open = isEnough ? nextStages(plan, run.stage) : []
  if (run.count < current.max) open.unshift(run.stage)
  for (const at of open) {
    const { predicate, isStrict } = stages[at]!
    if (!satisfied.includes(predicate) || (isStrict && run.hasGap)) continue
    const count = at === run.stage ? run.count + 1 : 1
    return { ...run, last: time, stage: at, count, hasGap: false, taken: [...run.taken, [at, value]] }
  }
  const mayWait = open.some(at => !stages[at]!.isStrict) || isComplete(plan, run)
  return mayWait ? { ...run, hasGap: true } : undefined
}

/** Nothing that the pattern asks for is missing. */
export function isComplete({ stages }: PatternPlan, { stage, count }: Run): boolean {
  return count >= stages[stage]!.min && stages.slice(stage + 1).every(({ isOptional }) => isOptional)
}

/** The stages that may come next: up to the first that is not optional. */
function nextStages({ stages }: PatternPlan, stage: number): number[] {
  const next: number[] = []
  for (let at = stage + 1; at < stages.length; at++) {
    next.push(at)
    if (!stages[at]!.isOptional) break
  }
  return next
}

function forbiddenBehind(plan: PatternPlan, stage: number): number[] {
  const next = nextStages(plan, stage)
  const reachesEnd = next.length === 0 || plan.stages[next.at(-1)!]!.isOptional
  const forbidden = next.flatMap(at => plan.stages[at]!.forbidden)
  return reachesEnd ? [...forbidden, ...plan.forbiddenAfter] : forbidden
}
