import type { App } from '../../runtime/app.ts'
import type { Cli } from '../cli.ts'
import { Progress } from '../progress.ts'

const LOOK_MS = 200
/** Where there is no terminal to draw on, a line says it so often. */
const LINE_MS = 5_000

/** Shows how far the restores of the app's tasks are; gives a function that ends it. */
export function watchRestores({ terminal, clock }: Pick<Cli, 'terminal' | 'clock'>, app: App): () => void {
  let cancel = () => {}
  let shown: { readonly progress: Progress; lineMs: number } | undefined
  const end = () => {
    shown?.progress.end()
    shown = undefined
  }
  const look = () => {
    const restores = app.health().pipelines.flatMap(({ restoring }) => restoring)
    if (restores.length === 0) end()
    else {
      shown ??= { progress: new Progress(terminal, clock, 'records of state'), lineMs: LINE_MS }
      const { progress } = shown
      progress.update(sumOf(restores, 'done'), sumOf(restores, 'total'))
      if (!terminal.isInteractive && progress.elapsedMs >= shown.lineMs) {
        terminal.say(`Restoring state: ${progress.text()}`)
        shown.lineMs = progress.elapsedMs + LINE_MS
      }
    }
    cancel = clock.after(LOOK_MS, look)
  }
  look()
  return () => {
    cancel()
    end()
  }
}

function sumOf<K extends string>(each: readonly Readonly<Record<K, number>>[], member: K): number {
  return each.reduce((sum, one) => sum + one[member], 0)
}
