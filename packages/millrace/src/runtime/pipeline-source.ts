import type { Graph } from '../plan/graph.ts'

/** What `pipeline()` gives. */
export interface PipelineLike {
  readonly name: string
  readonly graph: Graph
}

/** A pipeline, or the URL of a module that exports one as default. */
export type PipelineSource = PipelineLike | URL | string

/** A pipeline with the module it came from, so that other threads can load it too. */
export interface LoadedPipeline {
  readonly pipeline: PipelineLike
  readonly url: string | undefined
}

/** Imports what was given as URLs. Throws what the import throws, and where the default export is no pipeline. */
export async function loadPipelines(sources: readonly PipelineSource[]): Promise<LoadedPipeline[]> {
  const loaded = await Promise.all(sources.map(load))
  const names = loaded.map(({ pipeline }) => pipeline.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw new Error(`Two pipelines are called "${twice}"; give one of them another name`)
  return loaded
}

async function load(source: PipelineSource): Promise<LoadedPipeline> {
  if (typeof source === 'object' && 'graph' in source) return { pipeline: source, url: undefined }
  const url = String(source)
  const { default: pipeline } = (await import(url)) as { default?: unknown }
  if (!isPipeline(pipeline)) {
    throw new Error(
      `${url} does not export a pipeline as default; write: export default pipeline('name', p => { … })`,
    )
  }
  return { pipeline, url }
}

function isPipeline(value: unknown): value is PipelineLike {
  return typeof value === 'object' && value !== null && 'graph' in value && 'name' in value
}
