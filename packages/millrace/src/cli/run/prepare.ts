import type { Guarantee } from '../../runtime/guarantee.ts'
import { toMs } from '../../std/duration.ts'
import type { Cli } from '../cli.ts'
import { usageError } from '../cli-error.ts'
import { deleteData, prepareDataDirectory } from '../data-directory.ts'
import { type LogSettings, loadSettings, type SettingFlags, type Settings } from '../settings.ts'

export interface RunFlags extends SettingFlags {
  readonly stopTimeout?: string
  readonly fresh?: boolean
  readonly yes?: boolean
  readonly createTopics?: boolean
  readonly rollback?: boolean
}

/** What a run goes by. */
export interface RunOptions extends LogSettings {
  readonly app: string
  readonly instance: string | undefined
  readonly standbys: number | undefined
  readonly threads: number | undefined
  readonly guarantee: Guarantee | undefined
  readonly commitIntervalMs: number | undefined
  readonly stopTimeoutMs: number
  readonly createTopics: boolean | undefined
  /** Goes back to an older layout of the state. */
  readonly rollback: boolean | undefined
}

/** Reads the settings and makes the data directory ready, deleting what is in it where `--fresh` asks for that. */
export async function prepareRun(cli: Cli, flags: RunFlags): Promise<Settings> {
  return preparedOn(cli, await loadSettings(flags, cli.env, cli.cwd), flags)
}

/** As `prepareRun`, but on Kafka only where the command line says so: what is being tried out must not join a group by a setting. */
export async function prepareTry(cli: Cli, flags: RunFlags): Promise<Settings> {
  const loaded = await loadSettings(flags, cli.env, cli.cwd)
  return preparedOn(cli, { ...loaded, brokers: flags.brokers }, flags)
}

async function preparedOn(cli: Cli, loaded: Settings, { fresh, yes = false }: RunFlags): Promise<Settings> {
  if (loaded.brokers !== undefined && fresh)
    throw usageError(
      '--fresh deletes the embedded log; Kafka would stay as it is',
      'millrace reset <pipeline>',
    )
  const embedded = { brokers: undefined, kafka: undefined, instance: undefined, standbys: undefined }
  const settings = loaded.brokers === undefined ? { ...loaded, ...embedded } : loaded
  if (fresh) await deleteData(cli, settings, yes)
  prepareDataDirectory(settings.data)
  return settings
}

export function runOptions(
  { app, data, brokers, kafka, instance, standbys, threads, guarantee, commitIntervalMs }: Settings,
  { stopTimeout = '30s', createTopics, rollback }: RunFlags,
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
    createTopics,
    rollback,
  }
}

function durationOf(text: string): number {
  try {
    return toMs(text as '30s', '--stop-timeout')
  } catch (cause) {
    throw usageError((cause as Error).message, '--stop-timeout 30s')
  }
}
