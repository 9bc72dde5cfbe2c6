import type { Writable } from 'node:stream'
import { styleText } from 'node:util'
import { CliError } from './cli-error.ts'

export type Style = Parameters<typeof styleText>[0]

/** A stream that may be a terminal. */
export interface Output extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** The two outputs of a command: results go to standard output, everything said to people goes to standard error. */
export class Terminal {
  readonly stdout: Output
  readonly stderr: Output
  /** Progress that stands on the last line of standard error and has to make room. */
  #status: string | undefined
  #isClosed = false

  constructor(stdout: Output, stderr: Output) {
    this.stdout = stdout
    this.stderr = stderr
    // Whoever reads the results may have seen enough (`millrace consume … | head`).
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      this.#isClosed = true
    })
  }

  /** Nobody reads standard output any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Text for standard error, coloured where that is wanted (`NO_COLOR`, `FORCE_COLOR`, a terminal). */
  paint(style: Style, text: string): string {
    return styleText(style, text, { stream: this.stderr })
  }

  /** Text for standard output, coloured where that is wanted. */
  paintOut(style: Style, text: string): string {
    return styleText(style, text, { stream: this.stdout })
  }

  /** Writes results; resolves when there is room for more. */
  async result(text: string): Promise<void> {
    if (this.#isClosed || this.stdout.write(text)) return
    await new Promise<void>(resolve => {
      const done = () => {
        this.stdout.off('drain', done)
        this.stdout.off('error', done)
        this.stdout.off('close', done)
        resolve()
      }
      this.stdout.on('drain', done)
      this.stdout.on('error', done)
      this.stdout.on('close', done)
    })
  }

  /** Resolves when everything is written, or nobody reads it. */
  async flush(): Promise<void> {
    for (const stream of [this.stdout, this.stderr]) {
      if (stream.destroyed || stream.writableEnded) continue
      await new Promise<void>(resolve => stream.write('', () => resolve()))
    }
  }

  /** One JSON value as the result of a command. */
  json(value: unknown): Promise<void> {
    return this.result(`${JSON.stringify(value, null, 2)}\n`)
  }

  /** Says something to people. */
  say(text: string): void {
    this.#clear()
    this.stderr.write(`${text}\n`)
    this.#draw()
  }

  /** `label  text`, the label in the margin. */
  note(label: string, text: string): void {
    this.say(`${this.paint('dim', label.padEnd(9))} ${text}`)
  }

  warn(text: string): void {
    this.say(`${this.paint('yellow', 'Warning:')} ${text}`)
  }

  /** Says what went wrong, where, and what to try. */
  error(error: unknown): void {
    this.say(this.errorText(error))
  }

  errorText(error: unknown): string {
    if (!(error instanceof CliError)) return `${this.paint(['red', 'bold'], 'Error:')} ${messageOf(error)}`
    const { place, excerpt, wayOut } = error
    const lines = [`${this.paint(['red', 'bold'], 'Error:')} ${error.message}`]
    if (place !== undefined) lines.push(`    ${this.paint('dim', 'at')} ${this.paint('cyan', place)}`)
    if (excerpt !== undefined) {
      lines.push('', ...excerpt.split('\n').map(line => `    ${this.paint('dim', line)}`), '')
    }
    if (wayOut !== undefined) lines.push(`  ${this.paint(['green', 'bold'], 'Try:')} ${wayOut}`)
    return lines.join('\n')
  }

  /** Whether what is said to people can be drawn over. */
  get isInteractive(): boolean {
    return this.stderr.isTTY === true
  }

  /** Keeps `text` on the last line until the next call; undefined removes it. Does nothing where standard error is no terminal. */
  status(text: string | undefined): void {
    if (!this.isInteractive) return
    this.#clear()
    this.#status = text?.slice(0, (this.stderr.columns || 80) - 1)
    this.#draw()
  }

  #clear(): void {
    if (this.#status !== undefined) this.stderr.write('\r\x1b[K')
  }

  #draw(): void {
    if (this.#status !== undefined) this.stderr.write(this.#status)
  }
}

/** The message of an error, with those of its causes. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? `\n    ${messageOf(error.cause)}` : ''
  const named = error.name === 'Error' || error.message.startsWith(error.name) ? '' : `${error.name}: `
  return `${named}${error.message}${cause}`
}
