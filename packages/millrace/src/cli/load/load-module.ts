import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { CliError } from '../cli-error.ts'
import { explainLoadError, placeText } from './load-error.ts'

/** Frames of an error's stack that are kept while a module loads: the user's own may lie below many of a library's. */
const FRAMES_MAX = 60

/**
 * Imports a file of the user's, once per process. Throws `CliError` with file, line and the change to make when
 * it does not load; `cwd` shortens the paths.
 */
export async function loadModule(file: string, cwd: string): Promise<Readonly<Record<string, unknown>>> {
  if (!existsSync(file))
    throw new CliError(`There is no file ${placeText({ file }, cwd)}`, {
      wayOut: 'check the path; it is relative to the current directory',
    })
  const framesBefore = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES_MAX
  try {
    return await import(pathToFileURL(file).href)
  } catch (error) {
    throw explainLoadError(error, file, cwd)
  } finally {
    Error.stackTraceLimit = framesBefore
  }
}
