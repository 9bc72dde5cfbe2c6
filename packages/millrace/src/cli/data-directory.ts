import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DATABASE_FILE } from '../log/embedded/layout.ts'
import type { Log } from '../log/log.ts'
import type { Cli } from './cli.ts'
import { CliError } from './cli-error.ts'
import { confirm } from './confirm.ts'
import { explainError } from './explain.ts'
import type { Settings } from './settings.ts'

function holdsLog(directory: string): boolean {
  return existsSync(join(directory, DATABASE_FILE))
}

/** Makes the directory if need be, with a `.gitignore` in it that hides it; one that others filled is left as it is. */
export function prepareDataDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true })
  if (readdirSync(directory).length === 0) writeFileSync(join(directory, '.gitignore'), '*\n')
}

/** Opens the log for a command that writes, and closes it when `use` has settled. */
export async function withLog<T>(cli: Cli, settings: Settings, use: (log: Log) => Promise<T>): Promise<T> {
  if (settings.brokers === undefined) prepareDataDirectory(settings.data)
  return withOpenLog(cli, settings, use)
}

/** Opens the log for a command that looks: without data there is nothing to see, and nothing is made. */
export async function withExistingLog<T>(
  cli: Cli,
  settings: Settings,
  use: (log: Log) => Promise<T>,
): Promise<T> {
  const { data, brokers } = settings
  if (brokers === undefined && !holdsLog(data))
    throw new CliError(`There are no data in ${data} yet`, {
      wayOut: 'millrace dev, or --data with the directory of the data',
    })
  return withOpenLog(cli, settings, use)
}

async function withOpenLog<T>(cli: Cli, settings: Settings, use: (log: Log) => Promise<T>): Promise<T> {
  const log = await cli.openLog(settings, message => cli.terminal.warn(message))
  try {
    return await use(log)
  } finally {
    await log.close()
  }
}

/** Deletes all data after asking. Refuses a directory that is no log's, or that a live process works in. */
export async function deleteData(cli: Cli, settings: Settings, isAgreed: boolean): Promise<void> {
  const { data } = settings
  if (!existsSync(data) || readdirSync(data).length === 0) return
  if (!holdsLog(data))
    throw new CliError(`${data} is not deleted: it is not a directory of Millrace`, {
      wayOut: '--data with the directory of the data',
    })
  await refuseWhileInUse(cli, settings)
  await confirm(cli, `Delete all topics and state in ${data}?`, isAgreed)
  rmSync(data, { recursive: true, force: true })
}

async function refuseWhileInUse(cli: Cli, settings: Settings): Promise<void> {
  const pids = await withExistingLog(cli, settings, membersAlive).catch(error => {
    // Damaged data cannot be read, but they can be deleted.
    cli.terminal.warn(explainError(error).message)
    return []
  })
  if (pids.length > 0)
    throw new CliError(`${settings.data} is in use by process ${pids.join(', ')}`, {
      wayOut: 'stop it first',
    })
}

async function membersAlive(log: Log): Promise<number[]> {
  const groups = await Promise.all((await log.listGroups()).map(group => log.describeGroup(group)))
  const pids = groups.flatMap(group => group?.members.map(({ pid }) => pid) ?? [])
  return [...new Set(pids)].filter(isAlive)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
