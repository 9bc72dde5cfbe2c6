import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CliError } from '../cli-error.ts'

/** The folder with the nearest package.json, or `cwd` itself where there is none, and the name in it. */
export interface Project {
  readonly directory: string
  readonly packageName: string | undefined
}

export function findProject(cwd: string): Project {
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    const manifest = join(directory, 'package.json')
    if (existsSync(manifest)) return { directory, packageName: packageName(manifest) }
    if (dirname(directory) === directory) return { directory: resolve(cwd), packageName: undefined }
  }
}

function packageName(manifest: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: unknown }
    return typeof name === 'string' ? name : undefined
  } catch (cause) {
    throw new CliError(`${manifest} is not JSON`, { place: manifest, wayOut: 'mend it', cause })
  }
}

/** The files that the patterns name, sorted; tests and declarations are left out. */
export function pipelineFiles(directory: string, patterns: readonly string[]): string[] {
  const found = globSync([...patterns], { cwd: directory })
  const files = found.filter(file => !/\.(?:test|spec|d|test-d)\.[cm]?[jt]s$/.test(file))
  return [...new Set(files.map(file => resolve(directory, file)))].sort()
}
