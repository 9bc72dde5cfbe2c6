import { resolve } from 'node:path'
import { usageError } from '../cli-error.ts'
import type { Settings } from '../settings.ts'
import { pipelineFiles } from './project.ts'

/** The pipeline files a command is to work on: those that were named, else all of the project. Throws `CliError` when there are none. */
export function chosenFiles(
  command: string,
  named: readonly string[],
  { project, pipelines }: Settings,
  cwd: string,
): string[] {
  if (named.length > 0) return named.map(file => resolve(cwd, file))
  const files = pipelineFiles(project.directory, pipelines)
  if (files.length > 0) return files
  throw usageError(
    `No file matches ${pipelines.join(', ')} in ${project.directory}`,
    `millrace ${command} <files…>`,
  )
}
