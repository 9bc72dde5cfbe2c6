import { createInterface } from 'node:readline/promises'
import type { Cli } from './cli.ts'
import { CliError, usageError } from './cli-error.ts'

/** Asks before something is lost; `isAgreed` is `--yes`. Throws `CliError` when the answer is no, or nobody can be asked. */
export async function confirm(
  { terminal, stdin, interrupt }: Cli,
  question: string,
  isAgreed: boolean,
): Promise<void> {
  if (isAgreed) return
  if (!stdin.isTTY)
    throw usageError(`${question} Nobody can be asked: standard input is no terminal`, '--yes')
  const reader = createInterface({ input: stdin, output: terminal.stderr })
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    const answer = await reader.question(`${question} ${terminal.paint('dim', '(y/N)')} `, {
      signal: interrupt.signal,
    })
    if (!/^y(?:es)?$/i.test(answer.trim())) throw new CliError('Nothing was changed')
  } finally {
    reader.close()
  }
}
