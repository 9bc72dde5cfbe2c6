import type { Topic } from '../../plan/topic.ts'
import type { Cli } from '../cli.ts'
import { explainError } from '../explain.ts'
import { loadPipeline } from '../load/load-pipeline.ts'
import { pipelineFiles } from '../load/project.ts'
import type { Settings } from '../settings.ts'

/** The topic as the project's pipelines declare it, with its serdes; undefined where none does, or it does not load. */
export async function findDeclaredTopic(
  cli: Cli,
  settings: Settings,
  name: string,
): Promise<Topic | undefined> {
  for (const file of pipelineFiles(settings.project.directory, settings.pipelines)) {
    try {
      const { topics } = await loadPipeline(file, cli.cwd)
      const found = topics.find(topic => topic.name === name)
      if (found !== undefined) return found
    } catch (error) {
      const { message, place } = explainError(error)
      cli.terminal.warn(`topics of ${place ?? file} are not known, because it does not load: ${message}`)
    }
  }
  return undefined
}
