import type { Guarantee } from '../../runtime/guarantee.ts'
import { toMs } from '../../std/duration.ts'
import type { Cli } from '../cli.ts'
import { usageError } from '../cli-error.ts'
import { deleteData, prepareDataDirectory } from '../data-directory.ts'
import type { RunsOn } from '../flags.ts'
import { type LogSettings, loadSettings, type SettingFlags, type Settings } from '../settings.ts'

export interface RunFlags extends SettingFlags {
  readonly stopTimeout?: string
  readonly fresh?: boolean
  readonly yes?: boolean
}

/** What a run goes by; plain data on the embedded log, so that it can be sent to a child process. */
export interface RunOptions extends LogSettings {
  readonly app: string
  readonly instance: string | undefined
  readonly standbys: number | undefined
  readonly threads: number | undefined
  readonly guarantee: Guarantee | undefined
  readonly commitIntervalMs: number | undefined
  readonly stopTimeoutMs: number
}

/** Reads the settings and makes the data directory ready, deleting what is in it where `--fresh` asks for that. */
export async function prepareRun(cli: Cli, flags: RunFlags, on: RunsOn): Promise<Settings> {
  const loaded = await loadSettings(flags, cli.env, cli.cwd)
  if (on === 'any log' && loaded.brokers !== undefined) {
    if (!flags.fresh) {
      prepareDataDirectory(loaded.data)
      return loaded
    }
    throw usageError(
      '--fresh deletes the embedded log; Kafka would stay as it is',
      'millrace reset <pipeline>',
    )
  }
  const settings = {
    ...loaded,
    brokers: undefined,
    kafka: undefined,
    instance: undefined,
    standbys: undefined,
  }
  if (flags.fresh) await deleteData(cli, settings, flags.yes ?? false)
  prepareDataDirectory(settings.data)
  return settings
}

export function runOptions(
  { app, data, brokers, kafka, instance, standbys, threads, guarantee, commitIntervalMs }: Settings,
  { stopTimeout = '30s' }: RunFlags,
): RunOptions {
  const stopTimeoutMs = durationOf(stopTimeout)
  return {
    app,
    data,
    brokers,
    kafka,
    instance,
    standbys,
    threads,
    guarantee,
    commitIntervalMs,
    stopTimeoutMs,
  }
}

function durationOf(text: string): number {
  try {
    return toMs(text as '30s', '--stop-timeout')
  } catch (cause) {
    throw usageError((cause as Error).message, '--stop-timeout 30s')
  }
}
