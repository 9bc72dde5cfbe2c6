type Opaque = string | number | bigint | boolean | symbol | null | undefined | Date | Uint8Array

/**
 * `T` as a callback sees it: values are read-only by contract (SEMANTICS 5.4). Byte arrays, dates and
 * functions are left as they are.
 */
export type DeepReadonly<T> = T extends Opaque | ((...args: never) => unknown)
  ? T
  : { readonly [P in keyof T]: DeepReadonly<T[P]> }
