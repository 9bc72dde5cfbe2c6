/** Rows by a time each, the earliest on top. A binary heap in two arrays; a row may be in it several times. */
export class DueHeap {
  #times = new Float64Array(64)
  #rows = new Int32Array(64)
  length = 0

  get byteLength(): number {
    return this.#times.byteLength + this.#rows.byteLength
  }

  /** The earliest time; Infinity when it is empty. */
  get time(): number {
    return this.length === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!
  }

  /** The row with the earliest time. */
  get row(): number {
    return this.#rows[0]!
  }

  push(time: number, row: number): void {
    if (this.length === this.#times.length) this.#grow()
    const times = this.#times
    const rows = this.#rows
    let at = this.length++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (times[parent]! <= time) break
      times[at] = times[parent]!
      rows[at] = rows[parent]!
      at = parent
    }
    times[at] = time
    rows[at] = row
  }

  pop(): void {
    const last = --this.length
    if (last > 0) this.#sinkFromTop(this.#times[last]!, this.#rows[last]!)
  }

  /** Gives the row on top a later time. */
  postpone(time: number): void {
    this.#sinkFromTop(time, this.#rows[0]!)
  }

  clear(): void {
    this.length = 0
  }

  #sinkFromTop(time: number, row: number): void {
    const times = this.#times
    const rows = this.#rows
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.length) break
      if (child + 1 < this.length && times[child + 1]! < times[child]!) child++
      if (times[child]! >= time) break
      times[at] = times[child]!
      rows[at] = rows[child]!
      at = child
    }
    times[at] = time
    rows[at] = row
  }

  #grow(): void {
    const times = new Float64Array(2 * this.length)
    const rows = new Int32Array(2 * this.length)
    times.set(this.#times)
    rows.set(this.#rows)
    this.#times = times
    this.#rows = rows
  }
}
