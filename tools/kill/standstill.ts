import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupInfo, Log } from '../../packages/millrace/src/log/log.ts'
import { groupName } from '../../packages/millrace/src/plan/names.ts'
import type { Health, PipelineHealth } from '../../packages/millrace/src/runtime/app.ts'
import type { Fleet, Member } from './fleet.ts'
import type { Ground } from './ground.ts'
import { behind } from './lag.ts'
import { appName, pipelineNames } from './pipelines.ts'

const answerMs = 5_000

export interface StandstillParts {
  readonly fleet: Fleet
  readonly log: Log
  readonly ground: Ground
}

/** What there is to know when something does not go on: workers, groups, what is not processed, open transactions. */
export async function standstill({ fleet, log, ground }: StandstillParts): Promise<string[]> {
  const workers = [...fleet.members].map(workerText)
  const groups = pipelineNames.map(async pipeline => {
    const group = groupName(appName, pipeline)
    return asked(`group ${group}`, async () => groupText(await log.describeGroup(group)))
  })
  const lag = asked('not processed', async () => (await behind(log)).join(', ') || 'nothing')
  const open = asked('open transactions', async () => (await ground.openTransactions()).join(', ') || 'none')
  return Promise.all([...workers, ...groups, lag, open])
}

async function workerText(member: Member): Promise<string> {
  const { name, pid, killAt, isFrozen } = member
  const { commits, uncommitted, fenced } = member.tally
  const armed = killAt === undefined ? '' : `, to die at ${killAt.pipeline ?? 'any'} ${killAt.point}`
  const frozen = isFrozen ? ', frozen' : ''
  const tally = `${commits} commits, ${uncommitted} pipelines with uncommitted records, ${fenced} refused`
  return asked(`${name} (process ${pid}${armed}${frozen}; ${tally})`, async () =>
    healthText(await member.health()),
  )
}

/** One line of what an app says of itself. */
export function healthText({ status, error, pipelines }: Health): string {
  return [error ?? status, ...pipelines.map(pipelineText)].join('; ')
}

function pipelineText({ name, phase, partitions, tasks, restoring }: PipelineHealth): string {
  const lag = tasks.map(({ task, lag, parked }) => `${task} ${lag}${parked ? ' parked' : ''}`)
  const restores = restoring.map(({ task, done, total }) => `${task} ${done}/${total}`)
  const restoreText = restores.length === 0 ? '' : `, restoring ${restores.join(' ')}`
  return `${name} ${phase}, ${partitions} partitions, lag ${lag.join(' ') || 'of no task'}${restoreText}`
}

function groupText(info: GroupInfo | undefined): string {
  if (info === undefined) return 'is not there'
  const members = info.members.map(
    ({ memberId, instanceId, pid, assignment }) =>
      `${instanceId ?? memberId} of process ${pid} with ${assignment.map(({ topic, partition }) => `${topic}/${partition}`).join(' ') || 'nothing'}`,
  )
  return `generation ${info.generation}: ${members.join('; ') || 'no member'}`
}

/** Whoever cannot be asked is a part of the answer. */
async function asked(what: string, ask: () => Promise<string>): Promise<string> {
  const late = new AbortController()
  const noAnswer = sleep(answerMs, `no answer within ${answerMs / 1000} s`, { signal: late.signal }).catch(
    () => '',
  )
  const answer = await Promise.race([ask(), noAnswer]).catch(error => `cannot be asked: ${error}`)
  late.abort()
  return `${what}: ${answer}`
}
