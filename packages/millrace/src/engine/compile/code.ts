/** Collects generated source and the values it refers to. */
export class Code {
  readonly #lines: string[] = []
  readonly #constants = new Map<unknown, string>()
  readonly #values: unknown[] = []
  readonly #names: string[] = []
  #variables = 0

  line(text: string): void {
    this.#lines.push(text)
  }

  /** A name for a value that the code refers to; the same value gets the same name. */
  constant(value: unknown, hint: string): string {
    const known = this.#constants.get(value)
    if (known !== undefined) return known
    const name = `${hint}$${this.#names.length}`
    this.#constants.set(value, name)
    this.#names.push(name)
    this.#values.push(value)
    return name
  }

  /** A fresh variable name. */
  variable(hint: string): string {
    return `${hint}${this.#variables++}`
  }

  /** Runs the source, which must end in a return statement, with its constants in scope. */
  evaluate(sourceUrl: string): unknown {
    const body = `'use strict'\n${this.#lines.join('\n')}\n//# sourceURL=${encodeURI(sourceUrl)}`
    return new Function(...this.#names, body)(...this.#values)
  }

  get text(): string {
    return this.#lines.join('\n')
  }
}

/** A member read that is safe for any name. */
export function member(object: string, name: string): string {
  return `${object}[${JSON.stringify(name)}]`
}
