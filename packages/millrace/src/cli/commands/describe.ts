import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { describeGraph } from '../../plan/describe.ts'
import { descriptionMermaid } from '../../plan/describe-mermaid.ts'
import { descriptionText } from '../../plan/describe-text.ts'
import type { Cli } from '../cli.ts'
import { withExamples } from '../flags.ts'
import { loadPipeline } from '../load/load-pipeline.ts'

interface DescribeFlags {
  readonly json?: boolean
  readonly mermaid?: boolean
}

export function addDescribe(program: Command, cli: Cli): void {
  const describe = program
    .command('describe <file>')
    .description('show the graph of a pipeline, and which fields are decoded of its inputs or why all are')
    .addOption(new Option('--json', 'as JSON').conflicts('mermaid'))
    .option('--mermaid', 'as a Mermaid flow chart')
    .action((file: string, flags: DescribeFlags) => describeFile(cli, file, flags))
  withExamples(describe, [
    ['millrace describe pipelines/engagement.ts', 'as text'],
    ['millrace describe pipelines/engagement.ts --mermaid', 'for a README'],
  ])
}

async function describeFile(cli: Cli, file: string, flags: DescribeFlags): Promise<void> {
  const { pipeline } = await loadPipeline(resolve(cli.cwd, file), cli.cwd)
  const description = describeGraph(pipeline.graph, { closedLog: true })
  if (flags.json) return cli.terminal.json(description)
  await cli.terminal.result(flags.mermaid ? descriptionMermaid(description) : descriptionText(description))
}
