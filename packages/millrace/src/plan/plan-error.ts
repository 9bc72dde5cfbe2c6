/** Where in the user's code a plan is wrong. */
export interface PlanPlace {
  readonly pipeline?: string
  /** The step's name, or its kind where it has none. */
  readonly step?: string
  readonly topic?: string
}

/** A pipeline or topic that cannot run as it is written; thrown while it is built, before anything starts. */
export class PlanError extends Error {
  override readonly name = 'PlanError'
  readonly pipeline?: string
  readonly step?: string
  readonly topic?: string
  /** What to change so that it can run. */
  readonly wayOut: string

  constructor(place: PlanPlace, problem: string, wayOut: string) {
    super(`${placeText(place)}: ${problem}; ${wayOut}`)
    this.pipeline = place.pipeline
    this.step = place.step
    this.topic = place.topic
    this.wayOut = wayOut
  }
}

function placeText({ pipeline, step, topic }: PlanPlace): string {
  const parts = [
    pipeline === undefined ? undefined : `pipeline "${pipeline}"`,
    step === undefined ? undefined : `step "${step}"`,
    topic === undefined ? undefined : `topic "${topic}"`,
  ]
  return parts.filter(part => part !== undefined).join(', ')
}
