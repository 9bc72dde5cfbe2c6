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

/** Whether a record fits, by its value and the records matched so far, by the names of their stages. */
export type Where = (value: any, matched: Readonly<Record<string, readonly any[]>>) => boolean

export interface PatternPlan {
  readonly stages: readonly Stage[]
  /** Predicates that no record may satisfy behind the last stage, until the time is over. */
  readonly forbiddenAfter: readonly number[]
  /** By predicate: what a record that satisfies it must fit as well. */
  readonly wheres: ReadonlyMap<number, Where>
}

/** A record that comes in: what it is, and which predicates it satisfies by itself. */
export interface Incoming {
  readonly satisfied: readonly number[]
  readonly time: number
  readonly value: unknown
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

const nothing: Run = {
  start: 0,
  last: 0,
  stage: 0,
  count: 0,
  hasGap: false,
  taken: [],
}

/** The run that begins with a record; undefined where the first stage does not fit it. */
export function begin(plan: PatternPlan, incoming: Incoming): Run | undefined {
  if (!fits(plan, plan.stages[0]!.predicate, nothing, incoming)) return undefined
  const { time, value } = incoming
  return { ...nothing, start: time, last: time, count: 1, taken: [[0, value]] }
}

/**
 * What a record makes of a run: it is taken where it fits, at the stage in work before the next; it ends the run where it is
 * forbidden, or where nothing may come between; otherwise the run goes on waiting. Undefined for a run that has ended.
 */
export function advance(plan: PatternPlan, run: Run, incoming: Incoming): Run | undefined {
  const { stages } = plan
  const current = stages[run.stage]!
  const isEnough = run.count >= current.min
  if (isEnough && forbiddenBehind(plan, run.stage).some(each => fits(plan, each, run, incoming)))
    return undefined
  const open = isEnough ? nextStages(plan, run.stage) : []
  if (run.count < current.max) open.unshift(run.stage)
  for (const at of open) {
    const { predicate, isStrict } = stages[at]!
    if ((isStrict && run.hasGap) || !fits(plan, predicate, run, incoming)) continue
    const { time, value } = incoming
    const count = at === run.stage ? run.count + 1 : 1
    return { ...run, last: time, stage: at, count, hasGap: false, taken: [...run.taken, [at, value]] }
  }
  const mayWait = open.some(at => !stages[at]!.isStrict) || isComplete(plan, run)
  return mayWait ? { ...run, hasGap: true } : undefined
}

function fits(plan: PatternPlan, predicate: number, run: Run, { satisfied, value }: Incoming): boolean {
  if (!satisfied.includes(predicate)) return false
  const where = plan.wheres.get(predicate)
  return where === undefined || where(value, recordsOf(plan, run))
}

/** The records of a run by the names of their stages. */
export function recordsOf({ stages }: PatternPlan, { taken }: Run): Record<string, unknown[]> {
  const records = stages.map(({ name }, at) => [
    name,
    taken.filter(([stage]) => stage === at).map(([, value]) => value),
  ])
  return Object.fromEntries(records)
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
