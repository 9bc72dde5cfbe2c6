import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Topic } from '../../plan/topic.ts'
import type { Pipeline } from '../../stream/pipeline.ts'
import { CliError } from '../cli-error.ts'
import { placeText } from './load-error.ts'
import { loadModule } from './load-module.ts'
import { excerptAt, placeIn, textOf } from './source-text.ts'

/** A pipeline and where it came from. */
export interface LoadedPipeline {
  readonly file: string
  /** What workers import. */
  readonly url: string
  readonly pipeline: Pipeline
  /** The topics the file declares, reads or writes. */
  readonly topics: readonly Topic[]
}

/** Loads the pipeline that a file exports by default; throws `CliError`. */
export async function loadPipeline(file: string, cwd: string): Promise<LoadedPipeline> {
  const module = await loadModule(file, cwd)
  const { default: pipeline } = module
  if (!isPipeline(pipeline)) throw notAPipeline(module, file, cwd)
  const used = pipeline.graph.nodes.flatMap(node =>
    node.kind === 'source' || node.kind === 'to' ? [node.topic] : [],
  )
  const topics = [...used, ...Object.values(module).filter(isTopic)]
  return { file, url: pathToFileURL(file).href, pipeline, topics }
}

/** Loads all of them; throws `CliError` for the first that does not load, or when two have one name. */
export async function loadPipelines(files: readonly string[], cwd: string): Promise<LoadedPipeline[]> {
  const loaded: LoadedPipeline[] = []
  for (const file of files) {
    const next = await loadPipeline(file, cwd)
    const same = loaded.find(({ pipeline }) => pipeline.name === next.pipeline.name)
    if (same !== undefined) throw sameName(same, next, cwd)
    loaded.push(next)
  }
  return loaded
}

function isPipeline(value: unknown): value is Pipeline {
  return hasKind(value, 'pipeline') && 'graph' in value
}

function isTopic(value: unknown): value is Topic {
  return hasKind(value, 'topic')
}

function hasKind(value: unknown, kind: string): value is object {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === kind
}

function notAPipeline(module: Readonly<Record<string, unknown>>, file: string, cwd: string): CliError {
  const text = textOf(file)
  const named = Object.keys(module).find(name => name !== 'default' && isPipeline(module[name]))
  const hasDefault = 'default' in module && !('module.exports' in module)
  const mark = named !== undefined && !hasDefault ? new RegExp(`\\b${named}\\b`) : /export\s+default\b/
  const at = text.search(mark)
  const place = at < 0 ? { file } : placeIn(file, text, at)
  const message = hasDefault
    ? `The default export of ${basename(file)} is ${kindOf(module.default)}, not a pipeline`
    : `${basename(file)} has no default export`
  const wayOut =
    named === undefined
      ? "export default pipeline('name', p => { … })"
      : hasDefault
        ? `export default ${named}`
        : `export default pipeline(…) instead of export const ${named} = pipeline(…)`
  return new CliError(message, { place: placeText(place, cwd), excerpt: excerptAt(place), wayOut })
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (isTopic(value)) return `the topic "${value.name}"`
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'function')
    return value.name === '' || value.name === 'default' ? 'a function' : `the function ${value.name}`
  if (typeof (value as { then?: unknown }).then === 'function') return 'a promise'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function sameName(a: LoadedPipeline, b: LoadedPipeline, cwd: string): CliError {
  const files = [a, b].map(({ file }) => placeText({ file }, cwd)).join(' and ')
  return new CliError(`Two pipelines are called "${a.pipeline.name}": ${files}`, {
    place: placeText({ file: b.file }, cwd),
    wayOut: 'give one of them another name; positions and state go by it',
  })
}
