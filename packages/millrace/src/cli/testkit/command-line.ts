import { Readable, Writable } from 'node:stream'
import { openEmbeddedLog } from '../../log/embedded/open.ts'
import type { Log } from '../../log/log.ts'
import { systemClock } from '../../std/clock.ts'
import type { Cli } from '../cli.ts'
import type { ExitCode } from '../exit-codes.ts'
import { Interrupt } from '../interrupt.ts'
import { runCommandLine } from '../program.ts'
import { Terminal } from '../terminal.ts'

export interface CommandResult {
  readonly exitCode: ExitCode
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  /** Default: opens the embedded log for each command, as the bin does. */
  readonly openLog?: Cli['openLog']
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  /** Called with every piece of standard output. */
  onOutput?(text: string, interrupt: Interrupt): void
}

/** Runs one command line in this process, as the bin would in `cwd`. */
export async function commandLine(
  cwd: string,
  argv: readonly string[],
  { stdin = '', env = {}, onOutput, openLog = openEmbedded }: CommandOptions = {},
): Promise<CommandResult> {
  const interrupt = new Interrupt()
  const stdout = collector(text => onOutput?.(text, interrupt))
  const stderr = collector()
  const cli: Cli = {
    terminal: new Terminal(stdout.stream, stderr.stream),
    stdin: Readable.from([Buffer.from(stdin)]),
    env,
    cwd,
    clock: systemClock,
    interrupt,
    openLog,
  }
  const exitCode = await runCommandLine(argv, cli)
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

const openEmbedded: Cli['openLog'] = ({ data }, onWarning) => openEmbeddedLog({ directory: data, onWarning })

/** Runs commands in one directory that share an open log, which saves each the half second of opening it. */
export class CommandSession implements AsyncDisposable {
  readonly #directory: string
  #log: Promise<Log> | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return commandLine(this.#directory, argv, { ...options, openLog: (...args) => this.#open(...args) })
  }

  async #open(...args: Parameters<Cli['openLog']>): Promise<Log> {
    this.#log ??= openEmbedded(...args)
    const log = await this.#log
    return new Proxy(log, {
      get: (target, name) => {
        if (name === 'close') return async () => {}
        const member: unknown = Reflect.get(target, name, target)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#log)?.close()
  }
}

/** A terminal that is none, and what was written to it. */
export function testTerminal(): { terminal: Terminal; stdout: () => string; stderr: () => string } {
  const stdout = collector()
  const stderr = collector()
  return { terminal: new Terminal(stdout.stream, stderr.stream), stdout: stdout.text, stderr: stderr.text }
}

function collector(onText: (text: string) => void = () => {}): { stream: Writable; text: () => string } {
  let all = ''
  const stream = new Writable({
    write(chunk, _, done) {
      all += String(chunk)
      onText(String(chunk))
      done()
    },
  })
  return { stream, text: () => all }
}
