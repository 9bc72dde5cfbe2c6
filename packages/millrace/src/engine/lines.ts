import type { PrintNode, ToFileNode } from '../plan/graph.ts'
import type { ArrivalArguments } from './program.ts'
import { settled } from './results.ts'
import type { Task } from './task.ts'

/** Where the lines of `toFile` and `print` go; both are at-least-once. */
export interface LineSinks {
  /** Takes a line, without its end, that must be in the file before the next commit. */
  writeLine(path: string, line: string): void
  print(line: string): void
}

/** The text sinks of a task. */
export class Lines {
  readonly #task: Task
  readonly #sinks: LineSinks

  constructor(task: Task, sinks: LineSinks) {
    this.#task = task
    this.#sinks = sinks
  }

  write(node: ToFileNode, ...args: ArrivalArguments): void {
    this.#attempt(node.id, args, () => this.#sinks.writeLine(node.path, asJson(args[0])))
  }

  print(node: PrintNode, raw: boolean, ...args: ArrivalArguments): void {
    const [v, kb, ks, ke, k, t, h] = args
    this.#attempt(
      node.id,
      args,
      () => {
        if (node.format === undefined) return this.#sinks.print(asJson(v))
        const record = this.#task.record.set(kb, ks, ke, k, this.#task.keyKindInWork, t, h)
        this.#sinks.print(String(settled(node.format(v, record))))
      },
      raw,
    )
  }

  #attempt(node: number, args: ArrivalArguments, run: () => void, raw = false): void {
    try {
      run()
    } catch (error) {
      const [v, kb, ks, ke, k, t, h] = args
      this.#task.sides.failed(node, error, raw, v, kb, ks, ke, k, t, h)
    }
  }
}

function asJson(value: unknown): string {
  return JSON.stringify(value) ?? 'null'
}
