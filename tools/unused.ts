/** What nobody uses: files no entry point reaches, exports nobody imports, dependencies nobody needs. */
import { globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path/posix'
import { isProduction } from './layering.ts'
import { repositoryRoot } from './run-tests.ts'
import { type SourceFile, walk } from './source-files.ts'

/** What is started by name, not by import. */
export interface EntryPoints {
  /** Commands, the package's entries, and modules a worker or a child process is started with. */
  readonly product: readonly string[]
  /** Tests and type tests. */
  readonly tests: readonly string[]
}

const commands = [
  'packages/*/src/{index,testing,registry,avro,protobuf,json-schema,cloudevents}.ts',
  'packages/*/src/cli/main.ts',
  'packages/*/bin/*.js',
  'examples/*/*.ts',
  'examples/*/pipelines/**/*.ts',
  'bench/*.ts',
  'bench/harness/{child,state-child,yardstick-child}.ts',
  'tools/kill/worker.ts',
  'tools/*.ts',
  'tools/package-test/*.ts',
]

/** The entry points of this repository. */
export function entryPoints(files: ReadonlyMap<string, SourceFile>): EntryPoints {
  const all = [...files.values()]
  return {
    product: [...globSync(commands, { cwd: repositoryRoot }), ...all.flatMap(file => startedBy(file, files))],
    tests: all.filter(file => !isProduction(file)).map(file => file.path),
  }
}

/** A string `./x`, `./x.ts` or `./x.js` that names a file beside its own is how a worker or a process is started. */
function startedBy(file: SourceFile, files: ReadonlyMap<string, SourceFile>): string[] {
  if (!isProduction(file)) return []
  const texts: string[] = []
  walk(file.program, node => {
    if (node.type === 'Literal' && typeof node.value === 'string') texts.push(node.value)
    if (node.type === 'TemplateElement') texts.push(node.value.cooked ?? '')
  })
  const imported = new Set(file.imports.map(each => each.specifier))
  return texts
    .filter(text => /^\.\.?\//.test(text) && !imported.has(text))
    .map(text => `${join(dirname(file.path), text.replace(/\.[jt]s$/, '').replace(/\.$/, ''))}.ts`)
    .filter(path => files.has(path))
}

/** Every file that the given ones import, directly or not, and themselves. */
export function reachedFrom(
  paths: readonly string[],
  files: ReadonlyMap<string, SourceFile>,
): ReadonlySet<string> {
  const reached = new Set<string>()
  const visit = (path: string) => {
    const file = files.get(path)
    if (!file || reached.has(path)) return
    reached.add(path)
    for (const each of file.imports) if (each.file) visit(each.file)
  }
  for (const path of paths) visit(path)
  return reached
}

export function unusedFiles(files: ReadonlyMap<string, SourceFile>, entries: EntryPoints): string[] {
  const reached = reachedFrom([...entries.product, ...entries.tests], files)
  const unreached = [...files.keys()].filter(path => !reached.has(path))
  return [
    ...unreached.map(path => `${path}:1: nothing imports this file`),
    ...keptByTheirTestAlone(files, entries),
  ]
}

/** `x.ts` that `x.test.ts` imports and nobody else is dead code with a test. */
function keptByTheirTestAlone(files: ReadonlyMap<string, SourceFile>, entries: EntryPoints): string[] {
  return [...files.values()]
    .filter(file => isProduction(file) && !entries.product.includes(file.path))
    .filter(file => {
      const importers = [...files.values()].filter(other =>
        other.imports.some(each => each.file === file.path),
      )
      const stem = file.path.replace(/\.ts$/, '')
      return importers.length > 0 && importers.every(other => other.path.startsWith(`${stem}.`))
    })
    .map(file => `${file.path}:1: only its own test imports this file`)
}

/**
 * An exported value must be imported somewhere; an exported type may also just name a part of its own
 * file's signatures.
 */
export function unusedExports(files: ReadonlyMap<string, SourceFile>, entries: EntryPoints): string[] {
  const used = new Map<string, Set<string>>()
  for (const file of files.values()) {
    for (const each of file.imports) {
      if (!each.file) continue
      const names = used.get(each.file) ?? new Set()
      for (const name of each.names) names.add(name)
      used.set(each.file, names)
    }
  }
  return [...files.values()]
    .filter(file => !entries.product.includes(file.path))
    .flatMap(file =>
      file.exports
        .filter(each => {
          const names = used.get(file.path)
          if (names?.has('*') || names?.has(each.name)) return false
          return !each.typeOnly || [...file.text.matchAll(new RegExp(`\\b${each.name}\\b`, 'g'))].length === 1
        })
        .map(each => `${file.path}:${each.line}: nobody imports ${each.name}`),
    )
}

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** What a command line or the compiler uses without an import. */
const usedByName: Readonly<Record<string, string>> = {
  '@biomejs/biome': 'biome',
  typescript: 'tsc',
  '@types/node': 'types of Node',
}

export function dependencyProblems(files: ReadonlyMap<string, SourceFile>, entries: EntryPoints): string[] {
  const tools = Object.keys(readManifest('package.json').devDependencies ?? {})
  const shipped = reachedFrom(entries.product, files)
  const folders = globSync(['packages/*', 'examples/*', 'bench'], { cwd: repositoryRoot })
  const problems: string[] = []
  for (const folder of folders) {
    const manifest = readManifest(`${folder}/package.json`)
    const own = [...files.values()].filter(file => file.path.startsWith(`${folder}/`))
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    const imported = new Set(own.flatMap(packagesOf))
    const idle = declared.filter(name => !imported.has(name))
    problems.push(...idle.map(name => `${folder}/package.json: nobody imports ${name}`))
    for (const file of own) {
      const isPublished = folder.startsWith('packages/') && shipped.has(file.path)
      problems.push(...undeclared(file, [manifest.name, ...declared, ...(isPublished ? [] : tools)]))
    }
  }
  const ownTools = [...files.values()].filter(file => file.path.startsWith('tools/'))
  const texts = [...files.values()].map(file => file.text).join('\n')
  const everywhere = new Set([...files.values()].flatMap(packagesOf))
  const idle = tools.filter(
    name => !everywhere.has(name) && !usedByName[name] && !texts.includes(`'${name}/`),
  )
  return [
    ...problems,
    ...ownTools.flatMap(file => undeclared(file, [...tools, 'millrace'])),
    ...idle.map(name => `package.json: nobody imports ${name}`),
  ]
}

function undeclared(file: SourceFile, allowed: readonly string[]): string[] {
  return packagesOf(file)
    .filter(name => !allowed.includes(name))
    .map(
      name => `${file.path}:1: imports ${name}, which its package.json does not have among its dependencies`,
    )
}

function packagesOf(file: SourceFile): string[] {
  const bare = file.imports.map(each => each.specifier).filter(specifier => !/^[.#]|^node:/.test(specifier))
  const names = bare.map(specifier =>
    specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/'),
  )
  return names.filter(name => !builtinModules.includes(name))
}

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(repositoryRoot, path), 'utf8'))
}
