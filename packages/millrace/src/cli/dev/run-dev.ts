import { dirname, join, relative } from 'node:path'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { span } from '../format.ts'
import { pipelineFiles } from '../load/project.ts'
import type { Settings } from '../settings.ts'
import { forkChild } from './child-handle.ts'
import type { DevOptions } from './messages.ts'
import { DevSession } from './session.ts'
import { SourceWatch } from './watch.ts'

/** Time for a child to end by itself on top of what it may drain. */
const GRACE_MS = 2_000

/** Runs the project's pipelines in a child process, and a new one after every change, until a stop is asked for. */
export async function runDev(cli: Cli, settings: Settings, options: DevOptions): Promise<void> {
  const { terminal, clock, cwd, interrupt } = cli
  const { directory } = settings.project
  if (pipelineFiles(directory, settings.pipelines).length === 0) throw noPipelines(settings)
  const session = new DevSession({
    terminal,
    clock,
    cwd,
    options,
    pipelineFiles: () => pipelineFiles(directory, settings.pipelines),
    fork: () => forkChild(cwd),
    onFiles: files => watch.add(files),
  })
  const watch = new SourceWatch(clock, files => {
    terminal.say(terminal.paint('dim', `${files.map(file => relative(directory, file)).join(', ')} changed`))
    void session.reload()
  })
  for (const pattern of settings.pipelines) watch.addFolder(join(directory, dirname(pattern)))
  sayWhat(cli, settings)
  process.once('exit', () => session.kill())
  await session.reload()
  await interrupt.wait()
  watch.close()
  const startMs = clock.monotonic()
  await stopWithin(cli, session, options.stopTimeoutMs + GRACE_MS)
  terminal.say(terminal.paint('dim', `Stopped after ${span(clock.monotonic() - startMs)}`))
}

function noPipelines({ project, pipelines }: Settings): CliError {
  return new CliError(`No file matches ${pipelines.join(', ')} in ${project.directory}`, {
    wayOut: `write ${join(project.directory, 'pipelines/first.ts')}, or set pipelines in millrace.config.ts`,
  })
}

function sayWhat({ terminal }: Cli, { app, brokers, data, project }: Settings): void {
  terminal.say(`${terminal.paint('bold', 'millrace dev')}`)
  terminal.note('app', app)
  if (brokers === undefined) terminal.note('data', data)
  else terminal.note('brokers', [brokers].flat().join(', '))
  terminal.note(
    'project',
    `${project.directory}  ${terminal.paint('dim', 'reloads when a file changes; Ctrl-C stops')}`,
  )
}

async function stopWithin({ clock, terminal }: Cli, session: DevSession, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<'late'>()
  const cancel = clock.after(ms, () => resolve('late'))
  const outcome = await Promise.race([session.stop(), late])
  cancel()
  if (outcome === 'late') {
    session.kill()
    terminal.warn('the pipelines did not stop in time and were ended; what was not committed is read again')
  }
}
