import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { analyseLive, analyseOnce } from './analyse.ts'
import { type Flags, HELP, readFlags } from './flags.ts'
import { type LogFile, openLogFile } from './log-file.ts'
import type { Report } from './report.ts'
import { reportText } from './report-text.ts'
import { openRun } from './run-directory.ts'
import { openKafkaRun, withKafkaTopics } from './run-kafka.ts'
import { hasColor, openScreen } from './screen/screen.ts'
import { exitCodeOf, stopSignal } from './signals.ts'
import { inDirectory } from './where.ts'

const { stdout, stderr } = process

async function main(flags: Flags): Promise<void> {
  const signal = stopSignal()
  const log = await openLogFile(flags.log, flags)
  const report = flags.once ? await batch(log, flags, signal) : await live(log, flags, signal)
  print(report, flags)
}

async function batch(log: LogFile, { brokers }: Flags, signal: AbortSignal): Promise<Report> {
  if (brokers !== undefined) return withKafkaTopics(brokers, where => analyseOnce(log, where, signal))
  const data = await mkdtemp(join(tmpdir(), 'web-analytics-'))
  try {
    return await analyseOnce(log, inDirectory(data), signal)
  } finally {
    await rm(data, { recursive: true })
  }
}

async function live(log: LogFile, flags: Flags, signal: AbortSignal): Promise<Report> {
  const { data, brokers, fresh } = flags
  const { fingerprint } = log.survey
  using run = await (brokers === undefined
    ? openRun(data, fingerprint, fresh)
    : openKafkaRun(data, brokers, fingerprint, fresh))
  stderr.write(
    `${run.isResumed ? 'Going on in' : 'A new run in'} ${run.place}; after Ctrl-C the same command goes on from there\n`,
  )
  const screen = openScreen(flags.json ? stderr : stdout, log.survey.lines)
  const report = await analyseLive(log, { where: run.where, speed: flags.speed, signal, watch: screen })
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
