import { packValue, unpackValue } from '../serde/packed-value.ts'
import type { ObjectCodec } from './row-codec.ts'

/** Stores values of any kind that can be copied. A row that nobody has set is null. */
export const storedValue: ObjectCodec = { initial: () => null, encode: packValue, decode: unpackValue }
