import { PlanError, type PlanPlace } from './plan-error.ts'

export interface CallbackRules {
  readonly generator?: boolean
  readonly async?: boolean
}

/** Throws unless `fn` is a function that gives its result at once (SEMANTICS 7.5). Never calls it. */
export function checkCallback(
  fn: unknown,
  what: string,
  place: PlanPlace,
  allowed: CallbackRules = {},
): void {
  if (typeof fn !== 'function')
    throw new PlanError(place, `${what} is not a function (it is ${describeValue(fn)})`, 'give a callback')
  // The tag survives minifiers; a function that merely returns a promise is caught when it runs.
  const tag = Object.prototype.toString.call(fn)
  const isAsync = tag === '[object AsyncFunction]' || tag === '[object AsyncGeneratorFunction]'
  if (isAsync && !allowed.async)
    throw new PlanError(
      place,
      `${what} is async, but a step runs to its end at once`,
      'call other services from asyncMap(name, fn), or from forEach where nothing goes on',
    )
  if (tag === '[object GeneratorFunction]' && !allowed.generator)
    throw new PlanError(place, `${what} is a generator`, 'only flatMap and process take one')
}

/** The same wherever SEMANTICS 5.3 allows a field's name or a callback. */
export function checkFieldOrFn(field: unknown, what: string, place: PlanPlace): void {
  if (typeof field === 'string' && field !== '') return
  if (typeof field === 'string') throw new PlanError(place, `${what} is an empty name`, 'name the field')
  checkCallback(field, what, place)
}

function describeValue(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `of type ${typeof value}`
}
