import { PlanError, type PlanPlace } from './plan-error.ts'

/** Side streams that have a topic of their own where the pipeline does not wire them (SEMANTICS 7.1). */
export type SideTopic = 'failed' | 'rejected' | 'late'

const NAME = /^[A-Za-z0-9_-]+$/
const NAME_LENGTH_MAX = 80
const RESERVED = new Set([
  'failed',
  'rejected',
  'late',
  'tombstones',
  'changelog',
  'repartition',
  '__proto__',
])

const TOPIC_NAME = /^[A-Za-z0-9._-]+$/
const TOPIC_NAME_LENGTH_MAX = 249

/** The consumer group of a pipeline (SEMANTICS 1.4). */
export function groupName(app: string, pipeline: string): string {
  return `${app}.${pipeline}`
}

/** The internal topic a `keyBy` writes and the steps behind it read. */
export function repartitionTopic(app: string, pipeline: string, keyBy: string): string {
  return `${app}.${pipeline}.${keyBy}.repartition`
}

/** The internal topic that holds a stateful step's changes. */
export function changelogTopic(app: string, pipeline: string, step: string): string {
  return `${app}.${pipeline}.${step}.changelog`
}

/** The internal topic that holds what a pipeline with state consisted of, for the next start to compare with; no step has its name. */
export function shapeTopic(app: string, pipeline: string): string {
  return `${app}.${pipeline}.changelog`
}

/** The durable topic of a side stream that the pipeline does not wire. */
export function sideTopic(app: string, pipeline: string, side: SideTopic): string {
  return `${app}.${pipeline}.${side}`
}

/** Whether `name` may be part of a topic name. */
export function isName(name: unknown): boolean {
  return typeof name === 'string' && NAME.test(name) && name.length <= NAME_LENGTH_MAX && !RESERVED.has(name)
}

/** Throws unless `name` may be part of a topic name: `[A-Za-z0-9_-]+`, at most 80 characters, not reserved. */
export function checkName(name: unknown, what: string, place: PlanPlace): asserts name is string {
  if (typeof name !== 'string' || name === '')
    throw new PlanError(place, `${what} has no name`, 'give it one')
  if (!NAME.test(name))
    throw new PlanError(
      place,
      `"${name}" cannot be the name of ${what}`,
      'use letters, digits, "_" and "-" only',
    )
  if (name.length > NAME_LENGTH_MAX)
    throw new PlanError(
      place,
      `the name of ${what} has ${name.length} characters`,
      `use ${NAME_LENGTH_MAX} at most`,
    )
  if (RESERVED.has(name))
    throw new PlanError(place, `"${name}" is a reserved name`, `call ${what} something else`)
}

/** Throws unless a log accepts `name` as a topic of the user's. */
export function checkTopicName(name: unknown): asserts name is string {
  const place = { topic: String(name) }
  if (typeof name !== 'string' || !TOPIC_NAME.test(name) || name === '.' || name === '..')
    throw new PlanError(place, 'this cannot be a topic name', 'use letters, digits, ".", "_" and "-" only')
  if (name.length > TOPIC_NAME_LENGTH_MAX)
    throw new PlanError(
      place,
      `the name has ${name.length} characters`,
      `use ${TOPIC_NAME_LENGTH_MAX} at most`,
    )
  if (name.startsWith('__'))
    throw new PlanError(place, 'names that begin with "__" belong to the log', 'choose another name')
  if (name.endsWith('.changelog') || name.endsWith('.repartition'))
    throw new PlanError(
      place,
      'names that end in ".changelog" or ".repartition" belong to Millrace',
      'choose another name',
    )
}
