/** Longest time between two beats of a thread whose loop turns. */
export const beatEveryMs = 250

/** What a thread has in its hands during the turn of a task. */
export interface TaskInWork {
  readonly pipeline: string
  readonly task: string
  /** The topic partition it reads, and the offset its turn began at. */
  readonly place: string
  readonly offset: number
}

const beatsAt = 0
const inTurnAt = 1
const offsetAt = 1
const textAt = 16
const byteLength = 1024

/** A thread's signs of life in shared memory: its control thread can read them while the thread's loop stands still. */
export class ThreadProgress {
  readonly memory: SharedArrayBuffer
  readonly #numbers: Int32Array
  readonly #offset: Float64Array
  readonly #text: Buffer
  /** What `#text` holds. */
  #written = ''

  /** Without memory, that of a new thread. */
  constructor(memory = new SharedArrayBuffer(byteLength)) {
    this.memory = memory
    this.#numbers = new Int32Array(memory, 0, 2)
    this.#offset = new Float64Array(memory, offsetAt * Float64Array.BYTES_PER_ELEMENT, 1)
    this.#text = Buffer.from(memory, textAt)
  }

  /** How often the thread has moved on; wraps around. */
  get beats(): number {
    return Atomics.load(this.#numbers, beatsAt)
  }

  beat(): void {
    Atomics.add(this.#numbers, beatsAt, 1)
  }

  /** A task's turn begins. */
  begin({ pipeline, task, place, offset }: TaskInWork): void {
    const text = `${pipeline}\n${task}\n${place}`
    if (text !== this.#written) {
      this.#text.fill(0)
      this.#text.write(text)
      this.#written = text
    }
    this.#offset[0] = offset
    Atomics.store(this.#numbers, inTurnAt, 1)
    this.beat()
  }

  /** The turn is over. */
  end(): void {
    Atomics.store(this.#numbers, inTurnAt, 0)
  }

  /** The turn under way; undefined when the thread is not in one. */
  get inWork(): TaskInWork | undefined {
    if (Atomics.load(this.#numbers, inTurnAt) === 0) return undefined
    const [pipeline = '', task = '', place = ''] = this.#text.toString().replaceAll('\0', '').split('\n')
    return { pipeline, task, place, offset: this.#offset[0]! }
  }
}
