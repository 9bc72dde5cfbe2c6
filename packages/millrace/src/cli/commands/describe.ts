import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { describeGraph } from '../../plan/describe.ts'
import { descriptionMermaid } from '../../plan/describe-mermaid.ts'
import { descriptionText } from '../../plan/describe-text.ts'
import { changeText } from '../../plan/diff.ts'
import type { Graph } from '../../plan/graph.ts'
import { neededRights } from '../../plan/rights.ts'
import { changesOf } from '../../runtime/adopt-shape.ts'
import type { Pipeline } from '../../stream/pipeline.ts'
import { aclPlan, aclPlanText } from '../acls.ts'
import type { Cli } from '../cli.ts'
import { withExistingLog } from '../data-directory.ts'
import { withExamples, withLogFlags } from '../flags.ts'
import { loadPipeline } from '../load/load-pipeline.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'

interface DescribeFlags extends SettingFlags {
  readonly diff?: boolean
  readonly json?: boolean
  readonly mermaid?: boolean
  readonly acls?: boolean
  readonly principal: string
  readonly createTopics?: boolean
}

export function addDescribe(program: Command, cli: Cli): void {
  const describe = program
    .command('describe <file>')
    .description('show the graph of a pipeline, and which fields are decoded of its inputs or why all are')
  withLogFlags(describe)
    .addOption(new Option('--json', 'as JSON').conflicts('mermaid'))
    .option('--mermaid', 'as a Mermaid flow chart')
    .addOption(
      new Option('--acls', 'the rights it needs on Kafka, with the lines that grant them').conflicts(
        'mermaid',
      ),
    )
    .option('--principal <name>', 'with --acls: who gets the rights', 'User:<user>')
    .option('--create-topics', 'with --acls: for runs that create sources and sinks')
    .option(
      '--diff',
      'show what differs from the pipeline that the stored state was made with, and what follows',
    )
    .action((file: string, flags: DescribeFlags) => describeFile(cli, file, flags))
  withExamples(describe, [
    ['millrace describe pipelines/engagement.ts', 'as text'],
    ['millrace describe pipelines/engagement.ts --mermaid', 'for a README'],
    ['millrace describe pipelines/engagement.ts --acls --principal User:shop', 'what to allow on Kafka'],
    ['millrace describe pipelines/engagement.ts --diff', 'before it goes on with the state that is there'],
  ])
}

async function describeFile(cli: Cli, file: string, flags: DescribeFlags): Promise<void> {
  const { pipeline } = await loadPipeline(resolve(cli.cwd, file), cli.cwd)
  if (flags.acls) return describeAcls(cli, pipeline, flags)
  if (flags.diff) return describeChanges(cli, pipeline.graph, flags)
  const description = describeGraph(pipeline.graph, { closedLog: true })
  if (flags.json) return cli.terminal.json(description)
  await cli.terminal.result(flags.mermaid ? descriptionMermaid(description) : descriptionText(description))
}

async function describeAcls(cli: Cli, { name, graph }: Pipeline, flags: DescribeFlags): Promise<void> {
  const { app, brokers } = await loadSettings(flags, cli.env, cli.cwd)
  const plan = aclPlan(neededRights(app, graph, flags), {
    app,
    pipeline: name,
    principal: flags.principal,
    brokers: [brokers ?? '<host:port>'].flat().join(','),
  })
  if (flags.json) return cli.terminal.json(plan)
  await cli.terminal.result(aclPlanText(plan, text => cli.terminal.paintOut('dim', text)))
}

async function describeChanges(cli: Cli, graph: Graph, flags: DescribeFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const changes = await withExistingLog(cli, settings, log => changesOf(log, settings.app, graph, cli.clock))
  if (flags.json) return cli.terminal.json(changes ?? null)
  if (changes === undefined)
    return cli.terminal.say(`${graph.name} has not run here as the app ${settings.app} yet`)
  if (changes.length === 0) return cli.terminal.say(`${graph.name} is as it last ran`)
  await cli.terminal.result(`${changes.map(changeText).join('\n')}\n`)
}
