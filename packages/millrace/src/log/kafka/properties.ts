import { readFileSync } from 'node:fs'
import type { Name } from './setting-names.ts'

/** What `kafka: {}` takes: Kafka's own names. */
export type KafkaProperties = Readonly<
  Record<string, string | number | boolean | (() => string | Promise<string>)>
>

/** A setting of `kafka: {}` that is unknown or makes no sense; the message names it, and never says what a secret one is. */
export class KafkaSettingError extends Error {
  override readonly name = 'KafkaSettingError'
  readonly setting: string
  constructor(setting: string, problem: string, options?: { cause?: unknown }) {
    super(`kafka setting '${setting}': ${problem}`, options)
    this.setting = setting
  }
}

/** Reads single settings. Throws `KafkaSettingError`. */
export class Properties {
  readonly #given: KafkaProperties
  constructor(given: KafkaProperties) {
    this.#given = given
  }

  raw(name: Name): KafkaProperties[string] | undefined {
    return this.#given[name]
  }

  text(name: Name): string | undefined {
    const value = this.#given[name]
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value === '') throw new KafkaSettingError(name, 'a text is expected')
    return value
  }

  whole(name: Name, min: number): number | undefined {
    const value = this.#given[name]
    if (value === undefined) return undefined
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < min || number > 0x7fffffff)
      throw new KafkaSettingError(name, `'${value}' is no whole number of at least ${min}`)
    return number
  }

  oneOf<T extends string>(name: Name, values: readonly T[]): T | undefined {
    const value = this.#given[name]
    if (value === undefined) return undefined
    if (!values.includes(value as T))
      throw new KafkaSettingError(
        name,
        `'${value}' is none of ${values.map(each => each || "''").join(', ')}`,
      )
    return value as T
  }

  /** The content of the file that is named. */
  file(name: Name): string | undefined {
    const path = this.text(name)
    if (path === undefined) return undefined
    try {
      return readFileSync(path, 'utf8')
    } catch (cause) {
      throw new KafkaSettingError(name, `cannot be read: ${(cause as Error).message}`, { cause })
    }
  }
}
