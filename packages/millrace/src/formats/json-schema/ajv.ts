import { createRequire } from 'node:module'
import type { Ajv, Options } from 'ajv'

/** The class for the draft that `$schema` names; without one draft-07, as registries have it. */
const classes = [
  ['2020-12', 'ajv/dist/2020.js'],
  ['2019-09', 'ajv/dist/2019.js'],
] as const

/** Makes a validator of the package `ajv`, which is loaded when the first JSON Schema serde is made: who uses none needs none. */
export function makeAjv(draft: unknown, options: Options): Ajv {
  const found = typeof draft === 'string' ? classes.find(([name]) => draft.includes(name)) : undefined
  return new (loadAjv(found?.[1]))(options)
}

export function loadAjv(module = 'ajv'): typeof Ajv {
  try {
    return createRequire(import.meta.url)(module).default
  } catch (cause) {
    throw new Error('JSON Schema needs the package ajv: npm install ajv', { cause })
  }
}
