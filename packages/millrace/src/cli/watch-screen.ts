import type { Cli } from './cli.ts'

const EVERY_MS = 2_000
const CLEAR = '\x1b[2J\x1b[H'

/** Shows a result again and again until a stop is asked for: in place on a terminal, else one below the other. */
export async function watchScreen(
  { terminal, clock, interrupt }: Cli,
  draw: () => Promise<string>,
): Promise<void> {
  for (;;) {
    const text = await draw()
    if (interrupt.isRequested || terminal.isClosed) return
    const clear = terminal.stdout.isTTY ? CLEAR : ''
    await terminal.result(
      `${clear}${terminal.paintOut('dim', new Date(clock.now()).toISOString())}\n${text}\n`,
    )
    await Promise.race([interrupt.wait(), new Promise<void>(resolve => clock.after(EVERY_MS, resolve))])
    if (interrupt.isRequested) return
  }
}
