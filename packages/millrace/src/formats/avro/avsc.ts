import { createRequire } from 'node:module'
import type avsc from 'avsc'

let loaded: typeof avsc | undefined

/** The package `avsc`, which is loaded when the first Avro serde is made: who uses none needs none. */
export function loadAvsc(): typeof avsc {
  try {
    loaded ??= createRequire(import.meta.url)('avsc') as typeof avsc
    return loaded
  } catch (cause) {
    throw new Error('Avro needs the package avsc: npm install avsc', { cause })
  }
}

export type AvroType = avsc.Type
export type LogicalType = avsc.types.LogicalType
