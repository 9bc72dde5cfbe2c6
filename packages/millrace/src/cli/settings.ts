import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { KafkaProperties } from '../log/kafka/settings.ts'
import { isName } from '../plan/names.ts'
import { appName } from '../runtime/app-name.ts'
import type { Guarantee } from '../runtime/guarantee.ts'
import { type CliError, usageError } from './cli-error.ts'
import { commitIntervalMsOf, guaranteeOf } from './commit-settings.ts'
import type { MillraceConfig } from './config.ts'
import { placeText } from './load/load-error.ts'
import { loadModule } from './load/load-module.ts'
import { findProject, type Project } from './load/project.ts'

/** Flags that every command with a log takes. */
export interface SettingFlags {
  readonly app?: string
  readonly data?: string
  readonly brokers?: string
  readonly instance?: string
  readonly standbys?: string
  readonly threads?: string
  readonly guarantee?: string
  readonly commitInterval?: string
  readonly config?: string
}

/** Which log: on Kafka where `brokers` is set, else the embedded one in `data`. */
export interface LogSettings {
  readonly data: string
  readonly brokers?: string | readonly string[]
  readonly kafka?: KafkaProperties
}

/** What configuration, environment and flags come to, with every path absolute. */
export interface Settings extends LogSettings {
  readonly project: Project
  readonly app: string
  /** On Kafka: the name of this process, where one was chosen. */
  readonly instance: string | undefined
  /** On Kafka: copies of each task's state that other processes keep. */
  readonly standbys: number | undefined
  readonly threads: number | undefined
  readonly guarantee: Guarantee | undefined
  readonly commitIntervalMs: number | undefined
  /** Patterns of the pipeline files, relative to the project's directory. */
  readonly pipelines: readonly string[]
}

const CONFIG_FILES = [
  'millrace.config.ts',
  'millrace.config.mts',
  'millrace.config.js',
  'millrace.config.mjs',
]
const CONFIG_MEMBERS: readonly (keyof MillraceConfig)[] = [
  'app',
  'data',
  'brokers',
  'kafka',
  'instance',
  'standbys',
  'threads',
  'guarantee',
  'commitInterval',
  'pipelines',
]

/** Reads `millrace.config.ts` of the project around `cwd`; environment variables go before it, flags before both. */
export async function loadSettings(
  flags: SettingFlags,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Promise<Settings> {
  const project = findProject(cwd)
  const config = await loadConfig(
    project,
    flags.config === undefined ? undefined : resolve(cwd, flags.config),
    cwd,
  )
  const app = flags.app ?? env.MILLRACE_APP ?? config.app ?? appName(project.packageName ?? 'app')
  if (!isName(app))
    throw usageError(`"${app}" cannot be an app's name`, 'letters, digits, "_" and "-", at most 80')
  const chosen = flags.data ?? env.MILLRACE_DATA
  const data =
    chosen === undefined ? resolve(project.directory, config.data ?? '.millrace') : resolve(cwd, chosen)
  const { pipelines = 'pipelines/*.ts' } = config
  return {
    project,
    app,
    data,
    brokers: flags.brokers ?? env.MILLRACE_BROKERS ?? config.brokers,
    kafka: config.kafka,
    instance: flags.instance ?? env.MILLRACE_INSTANCE ?? config.instance,
    standbys: numberOf('standbys', flags.standbys, env.MILLRACE_STANDBYS, config.standbys, 0),
    threads: numberOf('threads', flags.threads, env.MILLRACE_THREADS, config.threads, 1),
    guarantee: guaranteeOf({
      flag: flags.guarantee,
      variable: env.MILLRACE_GUARANTEE,
      config: config.guarantee,
    }),
    commitIntervalMs: commitIntervalMsOf({
      flag: flags.commitInterval,
      variable: env.MILLRACE_COMMIT_INTERVAL,
      config: config.commitInterval,
    }),
    pipelines: typeof pipelines === 'string' ? [pipelines] : pipelines,
  }
}

function numberOf(
  name: string,
  flag: string | undefined,
  variable: string | undefined,
  config: unknown,
  least: number,
): number | undefined {
  const [given, source] =
    flag !== undefined
      ? [flag, `--${name}`]
      : variable !== undefined
        ? [variable, `MILLRACE_${name.toUpperCase()}`]
        : [config, `${name} in the configuration`]
  if (given === undefined) return undefined
  const number = given === '' ? Number.NaN : Number(given)
  if (Number.isSafeInteger(number) && number >= least) return number
  throw usageError(`${source} is ${JSON.stringify(given)}`, `a whole number from ${least}`)
}

async function loadConfig(
  project: Project,
  chosen: string | undefined,
  cwd: string,
): Promise<MillraceConfig> {
  const file = chosen ?? CONFIG_FILES.map(name => join(project.directory, name)).find(existsSync)
  if (file === undefined) return {}
  const { default: config } = await loadModule(file, cwd)
  checkConfig(config, placeText({ file }, cwd))
  return config
}

function checkConfig(config: unknown, file: string): asserts config is MillraceConfig {
  if (typeof config !== 'object' || config === null)
    throw usageError(
      `${file} has no configuration as its default export`,
      'export default defineConfig({ … })',
    )
  const unknown = Object.keys(config).find(name => !CONFIG_MEMBERS.includes(name as keyof MillraceConfig))
  if (unknown !== undefined)
    throw usageError(`${file} sets "${unknown}", which means nothing`, `one of ${CONFIG_MEMBERS.join(', ')}`)
  const { app, data, brokers, kafka, instance, pipelines } = config as MillraceConfig
  const isText = (value: unknown) => value === undefined || typeof value === 'string'
  if (!isText(app)) throw wrongType(file, 'app', 'a text')
  if (!isText(data)) throw wrongType(file, 'data', 'a path')
  if (![brokers].flat().every(isText)) throw wrongType(file, 'brokers', "'host:9092', or several")
  if (!isText(instance)) throw wrongType(file, 'instance', 'a text')
  if (kafka !== undefined && (typeof kafka !== 'object' || kafka === null))
    throw wrongType(file, 'kafka', "settings under Kafka's names: { 'client.id': 'shop' }")
  const patterns = Array.isArray(pipelines) ? pipelines : [pipelines]
  if (!patterns.every(isText))
    throw wrongType(file, 'pipelines', "a pattern such as 'pipelines/*.ts', or several")
}

function wrongType(file: string, member: string, wanted: string): CliError {
  return usageError(`${file}: ${member} is of the wrong type`, wanted)
}
