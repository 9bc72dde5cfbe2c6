/** A growing list of row numbers. */
export class RowList {
  #rows = new Int32Array(16)
  length = 0

  get byteLength(): number {
    return this.#rows.byteLength
  }

  push(row: number): void {
    if (this.length === this.#rows.length) {
      const larger = new Int32Array(this.length * 2)
      larger.set(this.#rows)
      this.#rows = larger
    }
    this.#rows[this.length++] = row
  }

  at(n: number): number {
    return this.#rows[n]!
  }

  clear(): void {
    this.length = 0
  }
}
