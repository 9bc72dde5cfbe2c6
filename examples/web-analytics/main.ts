import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { analyseLive, analyseOnce } from './analyse.ts'
import { type Flags, HELP, readFlags } from './flags.ts'
import { type LogFile, openLogFile } from './log-file.ts'
import type { Report } from './report.ts'
import { reportText } from './report-text.ts'
import { openRun } from './run-directory.ts'
import { hasColor, openScreen } from './screen/screen.ts'
import { exitCodeOf, stopSignal } from './signals.ts'

const { stdout, stderr } = process

async function main(flags: Flags): Promise<void> {
  const signal = stopSignal()
  const log = await openLogFile(flags.log, flags)
  const report = flags.once ? await batch(log, signal) : await live(log, flags, signal)
  print(report, flags)
}

async function batch(log: LogFile, signal: AbortSignal): Promise<Report> {
  const data = await mkdtemp(join(tmpdir(), 'web-analytics-'))
  try {
    return await analyseOnce(log, data, signal)
  } finally {
    await rm(data, { recursive: true })
  }
}

async function live(log: LogFile, flags: Flags, signal: AbortSignal): Promise<Report> {
  using run = await openRun(flags.data, log.survey.fingerprint, flags.fresh)
  stderr.write(
    `${run.isResumed ? 'Going on in' : 'A new run in'} ${run.data}; after Ctrl-C the same command goes on from there\n`,
  )
  const screen = openScreen(flags.json ? stderr : stdout, log.survey.lines)
  const report = await analyseLive(log, { data: run.data, speed: flags.speed, signal, watch: screen })
  await run.finish()
  return report
}

function print(report: Report, flags: Flags): void {
  stdout.write(
    flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report, hasColor(stdout)),
  )
}

// A pipe that is closed early (`| head`) is not a failure.
for (const stream of [stdout, stderr]) stream.on('error', () => {})

try {
  const flags = readFlags(process.argv.slice(2))
  if (flags === undefined) stdout.write(HELP)
  else await main(flags)
} catch (error) {
  const { code, message } = exitCodeOf(error)
  stderr.write(`${message}\n`)
  process.exitCode = code
}
