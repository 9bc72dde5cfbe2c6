import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { usageError } from '../cli-error.ts'
import { wholeNumber, withExamples, withRunFlags } from '../flags.ts'
import { chosenFiles } from '../load/chosen-files.ts'
import { loadPipelines } from '../load/load-pipeline.ts'
import { parsePlace } from '../records/position.ts'
import type { MetricsAddress } from '../run/metrics-server.ts'
import { prepareRun, type RunFlags, runOptions } from '../run/prepare.ts'
import { runApp } from '../run/run-app.ts'

interface Flags extends RunFlags {
  readonly once?: boolean
  readonly start?: string
  readonly until?: string
  readonly metricsPort?: string
  readonly metricsHost?: string
}

export function addRun(program: Command, cli: Cli): void {
  const run = program
    .command('run [files...]')
    .description('run pipelines until stopped (default: all of the project)')
  withRunFlags(run)
    .option('--once', 'read every input to its end, close all windows, and end')
    .option(
      '--start <place>',
      'where topics begin that were never read: earliest, latest, a date, or 10m (ten minutes ago)',
    )
    .option('--until <time>', 'with --once: read up to a date, or 10m (ten minutes ago)')
    .option('--metrics-port <port>', 'serve /metrics, /health/live and /health/ready there')
    .option('--metrics-host <address>', 'address to serve them on', '127.0.0.1')
    .action((files: string[], flags: Flags) => runFiles(cli, files, flags))
  withExamples(run, [
    ['millrace run pipelines/engagement.ts', 'until Ctrl-C'],
    ['millrace run pipelines/*.ts --once', 'to the end of the input, as a batch'],
    ['millrace run --once --start 2026-01-01 --until 2026-01-02', 'one day, by the times of records'],
    ['millrace run --threads 4', 'all pipelines of the project, in four threads'],
    ['millrace run --metrics-port 9464', 'with metrics for Prometheus, and health for probes'],
    ['millrace run --brokers localhost:9092', 'on Apache Kafka'],
  ])
}

async function runFiles(cli: Cli, files: readonly string[], flags: Flags): Promise<void> {
  const settings = await prepareRun(cli, flags)
  const pipelines = await loadPipelines(chosenFiles('run', files, settings, cli.cwd), cli.cwd)
  await runApp(cli, pipelines, {
    ...runOptions(settings, flags),
    start: flags.start === undefined ? undefined : startOf(flags.start, cli.clock.now()),
    until: flags.until === undefined ? undefined : untilOf(flags.until, cli.clock.now()),
    metrics: metricsAddress(flags),
    once: flags.once ?? false,
    freeze: false,
  })
}

function metricsAddress({ metricsPort, metricsHost = '127.0.0.1' }: Flags): MetricsAddress | undefined {
  if (metricsPort === undefined) return undefined
  const port = wholeNumber(metricsPort, '--metrics-port')
  if (port > 65_535) throw usageError(`--metrics-port is '${metricsPort}'`, 'a port, for example 9464')
  return { host: metricsHost, port }
}

function untilOf(text: string, nowMs: number): number {
  const place = parsePlace(text, '--until', nowMs)
  if (place.kind === 'time') return place.ms
  throw usageError(`--until is '${text}'`, "a date, or '10m' (ten minutes ago)")
}

function startOf(text: string, nowMs: number): 'earliest' | 'latest' | number {
  const place = parsePlace(text, '--start', nowMs)
  if (place.kind === 'time') return place.ms
  if (place.kind === 'earliest' || place.kind === 'latest') return place.kind
  throw usageError(
    `--start is '${text}', and offsets are of one partition`,
    "earliest, latest, a date, or '10m' (ten minutes ago)",
  )
}
