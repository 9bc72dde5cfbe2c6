import type { Command } from 'commander'
import type { Log, TopicSpec } from '../../log/log.ts'
import { internalSpecs, specOf } from '../../runtime/topics.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { confirm } from '../confirm.ts'
import { withLog } from '../data-directory.ts'
import { withLogFlags } from '../flags.ts'
import { counted } from '../format.ts'
import { chosenFiles } from '../load/chosen-files.ts'
import { type LoadedPipeline, loadPipelines } from '../load/load-pipeline.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'
import { changeOf, missingFlags, stepText, type TopicStep, topicPlan, uniqueSpecs } from '../topic-plan.ts'

interface ApplyFlags extends SettingFlags {
  readonly dryRun?: boolean
  readonly alter?: boolean
  readonly addPartitions?: boolean
  readonly internal?: boolean
  readonly yes?: boolean
}

export function addTopicsApply(topics: Command, cli: Cli): void {
  const apply = topics
    .command('apply [files...]')
    .description('create the topics that pipelines declare, after showing what would be done')
  withLogFlags(apply)
    .option('--dry-run', 'show the plan and change nothing')
    .option('--alter', 'give existing topics the settings that are declared')
    .option('--add-partitions', 'give existing topics the partitions that are declared; keys move')
    .option(
      '--internal',
      'also what Millrace would make for itself: for pipelines that run without that right',
    )
    .option('-y, --yes', 'do not ask')
    .action((files: string[], flags: ApplyFlags) => applyTopics(cli, files, flags))
}

async function applyTopics(cli: Cli, files: readonly string[], flags: ApplyFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const pipelines = await loadPipelines(chosenFiles('topics apply', files, settings, cli.cwd), cli.cwd)
  const declared = uniqueSpecs(pipelines.flatMap(({ topics }) => topics.map(specOf)))
  await withLog(cli, settings, async log => {
    await applySpecs(cli, log, declared, flags)
    if (!flags.internal) return
    if (flags.dryRun && (await log.describeTopics(declared.map(({ name }) => name))).length < declared.length)
      return cli.terminal.say('The internal topics follow from these, once they are there')
    await applySpecs(cli, log, await specsOfOwn(log, settings.app, pipelines), flags)
  })
}

async function specsOfOwn(log: Log, app: string, pipelines: readonly LoadedPipeline[]): Promise<TopicSpec[]> {
  const specs = await Promise.all(pipelines.map(({ pipeline }) => internalSpecs(log, app, pipeline.graph)))
  return specs.flat()
}

async function applySpecs(
  cli: Cli,
  log: Log,
  specs: readonly TopicSpec[],
  { dryRun = false, alter = false, addPartitions = false, yes = false }: ApplyFlags,
): Promise<void> {
  const { terminal } = cli
  const limits = { alter, addPartitions }
  const plan = await topicPlan(log, specs)
  for (const step of plan) await terminal.result(`${stepText(step, limits)}\n`)
  if (dryRun) return terminal.say('Nothing was changed (--dry-run)')
  await askAboutPartitions(cli, plan, addPartitions, yes)
  const created = plan.filter(({ kind }) => kind === 'create').map(({ spec }) => spec)
  const changes = plan.flatMap(step => changeOf(step, limits) ?? [])
  await log.createTopics(created)
  await log.alterTopics(changes)
  terminal.say(`${counted(created.length, 'topic')} created, ${changes.length} altered`)
  const left = plan.filter(step => missingFlags(step, limits).length > 0)
  if (left.length === 0) return
  const flags = [...new Set(left.flatMap(step => missingFlags(step, limits)))]
  throw new CliError(
    `${counted(left.length, 'topic')} stayed other than declared: ${left.map(({ spec }) => spec.name).join(', ')}`,
    { wayOut: flags.join(' ') },
  )
}

async function askAboutPartitions(
  cli: Cli,
  plan: readonly TopicStep[],
  addPartitions: boolean,
  isAgreed: boolean,
): Promise<void> {
  if (!addPartitions) return
  const growing = plan.filter(step => changeOf(step, { alter: false, addPartitions }) !== undefined)
  if (growing.length === 0) return
  const names = growing.map(({ spec }) => spec.name).join(', ')
  await confirm(
    cli,
    `Add partitions to ${names}? Keys go to other partitions from then on: a pipeline that counts by the topic's own key must be reset.`,
    isAgreed,
  )
}
