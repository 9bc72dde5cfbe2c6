import type { Log, TopicChange, TopicInfo, TopicSpec } from '../log/log.ts'
import { CliError } from './cli-error.ts'
import { byteSize, counted, span } from './format.ts'

/** A setting that is not as it is declared. */
export interface SettingDifference {
  readonly setting: string
  readonly found: string
  readonly wanted: string
}

/** What it takes to make one topic what it is declared as. */
export type TopicStep =
  | { readonly kind: 'create'; readonly spec: TopicSpec }
  | {
      readonly kind: 'differs'
      readonly spec: TopicSpec
      /** How many partitions there are, where that is not as declared. */
      readonly partitions: number | undefined
      readonly settings: readonly SettingDifference[]
    }
  | { readonly kind: 'same'; readonly spec: TopicSpec }

/** Holds what is declared against what the log has. */
export async function topicPlan(log: Log, specs: readonly TopicSpec[]): Promise<TopicStep[]> {
  const infos = await log.describeTopics(specs.map(({ name }) => name))
  const found = new Map(infos.map(info => [info.name, info]))
  return specs.map(spec => stepOf(log.kind === 'kafka', spec, found.get(spec.name)))
}

function stepOf(isKafka: boolean, spec: TopicSpec, info: TopicInfo | undefined): TopicStep {
  if (info === undefined) return { kind: 'create', spec }
  const settings = settingDifferences(isKafka, spec, info)
  const partitions = info.partitions === spec.partitions ? undefined : info.partitions
  if (partitions === undefined && settings.length === 0) return { kind: 'same', spec }
  return { kind: 'differs', spec, partitions, settings }
}

function settingDifferences(isKafka: boolean, spec: TopicSpec, info: TopicInfo): SettingDifference[] {
  const declared: [string, string | number | undefined, string | number][] = [
    ['cleanup', spec.cleanup, info.cleanup],
    ['retention', spec.retentionMs, info.retentionMs],
    ['retentionBytes', spec.retentionBytes, info.retentionBytes],
  ]
  if (isKafka)
    for (const [setting, value] of Object.entries(spec.kafka ?? {}))
      declared.push([setting, value, info.kafka?.[setting] ?? ''])
  return declared.flatMap(([setting, wanted, found]) =>
    wanted === undefined || String(wanted) === String(found)
      ? []
      : [{ setting, found: settingText(setting, found), wanted: settingText(setting, wanted) }],
  )
}

function settingText(setting: string, value: string | number): string {
  const number = Number(value)
  if (setting === 'retention') return number < 0 ? 'forever' : span(number)
  if (setting === 'retentionBytes') return number < 0 ? 'any size' : byteSize(number)
  return String(value)
}

/** What of the plan is allowed beside creating. */
export interface PlanLimits {
  readonly alter: boolean
  readonly addPartitions: boolean
}

/** The change that a step means within the limits; undefined when nothing is left of it. */
export function changeOf(step: TopicStep, { alter, addPartitions }: PlanLimits): TopicChange | undefined {
  if (step.kind !== 'differs') return undefined
  const { spec, partitions, settings } = step
  const grows = addPartitions && partitions !== undefined && partitions < spec.partitions
  const isAltered = (setting: string) => alter && settings.some(each => each.setting === setting)
  const kafka = Object.entries(spec.kafka ?? {}).filter(([setting]) => isAltered(setting))
  const change: TopicChange = {
    name: spec.name,
    ...(grows && { partitions: spec.partitions }),
    ...(isAltered('cleanup') && { cleanup: spec.cleanup }),
    ...(isAltered('retention') && { retentionMs: spec.retentionMs }),
    ...(isAltered('retentionBytes') && { retentionBytes: spec.retentionBytes }),
    ...(kafka.length > 0 && { kafka: Object.fromEntries(kafka) }),
  }
  return Object.keys(change).length > 1 ? change : undefined
}

/** The flags that would be needed to carry out all of the step. */
export function missingFlags(step: TopicStep, { alter, addPartitions }: PlanLimits): string[] {
  if (step.kind !== 'differs') return []
  const grows = step.partitions !== undefined && step.partitions < step.spec.partitions
  return [
    ...(grows && !addPartitions ? ['--add-partitions'] : []),
    ...(step.settings.length > 0 && !alter ? ['--alter'] : []),
  ]
}

/** One topic in one line: `+` is created, `~` is altered, `!` differs and stays, `=` is as declared. */
export function stepText(step: TopicStep, limits: PlanLimits): string {
  const { spec } = step
  switch (step.kind) {
    case 'create':
      return `+ ${spec.name}  ${specText(spec)}`
    case 'same':
      return `= ${spec.name}`
    case 'differs': {
      const flags = missingFlags(step, limits)
      const changes = [
        ...(step.partitions === undefined ? [] : [partitionText(step.partitions, spec.partitions)]),
        ...step.settings.map(({ setting, found, wanted }) => `${setting} ${found} → ${wanted}`),
      ]
      const mark = changeOf(step, limits) === undefined ? '!' : '~'
      const left = flags.length > 0 ? `  (needs ${flags.join(', ')})` : ''
      return `${mark} ${spec.name}  ${changes.join(', ')}${left}`
    }
  }
}

function partitionText(found: number, wanted: number): string {
  return found < wanted
    ? `partitions ${found} → ${wanted}`
    : `keeps its ${counted(found, 'partition')}, ${wanted} declared`
}

function specText({ partitions, cleanup, retentionMs, retentionBytes, kafka }: TopicSpec): string {
  const parts = [
    counted(partitions, 'partition'),
    ...(cleanup === undefined || cleanup === 'delete' ? [] : [cleanup]),
    ...(retentionMs === undefined ? [] : [`keeps ${settingText('retention', retentionMs)}`]),
    ...(retentionBytes === undefined || retentionBytes < 0
      ? []
      : [`${byteSize(retentionBytes)} a partition`]),
    ...Object.entries(kafka ?? {}).map(([setting, value]) => `${setting}=${value}`),
  ]
  return parts.join(', ')
}

/** Each topic once. Throws `CliError` when two declarations of one name differ. */
export function uniqueSpecs(specs: readonly TopicSpec[]): TopicSpec[] {
  const byName = new Map<string, TopicSpec>()
  for (const spec of specs) {
    const other = byName.get(spec.name)
    if (other !== undefined && JSON.stringify(other) !== JSON.stringify(spec))
      throw new CliError(
        `The topic ${spec.name} is declared in two ways: ${specText(other)}; and ${specText(spec)}`,
        { wayOut: 'one topic(…), imported wherever it is used' },
      )
    byName.set(spec.name, spec)
  }
  return [...byName.values()]
}
