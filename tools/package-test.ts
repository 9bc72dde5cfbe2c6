/** `npm run test:package`: the package as its users get it, packed and installed into empty projects. */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { repositoryRoot } from './run-tests.ts'
import { parseSource } from './source-files.ts'

const packageManagers = {
  'npm 10': { package: 'npm@10.8.2', install: ['install'] },
  'npm 11': { package: 'npm@11', install: ['install'] },
  pnpm: { package: 'pnpm@12.21.0', install: ['add'] },
}
const compilers = { 'typescript-5.9': '5.9.3', 'typescript-6.0': '6.0.3', 'typescript-7.0': '7.0.2' }

const work = mkdtempSync(join(tmpdir(), 'millrace-package-'))
let passed = 0
let failed = 0
try {
  const tarball = check('builds and packs', pack)
  if (tarball) {
    for (const name of Object.keys(packageManagers) as (keyof typeof packageManagers)[])
      checkInstall(name, tarball)
    checkTypes(tarball)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

function pack(): string {
  node(['--disable-warning=ExperimentalWarning', 'tools/pack.ts', '--pack-destination', work], repositoryRoot)
  const [tarball] = globSync('*.tgz', { cwd: work })
  if (!tarball) throw new Error('npm pack wrote no tarball')
  const paths = run('tar', ['-tzf', tarball], work).trim().split('\n')
  const listed = new Set(paths.map(path => path.replace(/^package\//, '')))
  const wanted = [
    'package.json',
    'README.md',
    'LICENSE',
    'NOTICE',
    'bin/millrace.js',
    'dist/index.js',
    'dist/index.d.ts',
  ]
  const manifest = JSON.parse(run('tar', ['-xzOf', tarball, 'package/package.json'], work))
  const named = pathsIn([manifest.exports, manifest.imports, manifest.bin])
  const missing = [...wanted, ...named].filter(path => !listed.has(path))
  if (missing.length > 0) throw new Error(`not in the package: ${missing.join(', ')}`)
  const strangers = [...listed].filter(path => /(\.test\.|\.test-d\.|^src\/|\.tsbuildinfo$)/.test(path))
  if (strangers.length > 0) throw new Error(`does not belong into the package: ${strangers.join(', ')}`)
  return join(work, tarball)
}

/** Every path that exports, imports and bins lead to, under any condition. */
function pathsIn(targets: unknown): string[] {
  if (typeof targets === 'string') return [targets.replace(/^\.\//, '')]
  return Object.values(targets ?? {}).flatMap(pathsIn)
}

function checkInstall(name: keyof typeof packageManagers, tarball: string): void {
  const plain = check(`${name}: installs without a warning`, () => install(name, tarball, []))
  check(`${name}: --ignore-scripts installs the same files`, () => {
    const bare = install(name, tarball, ['--ignore-scripts'])
    if (plain) same(installedFiles(plain), installedFiles(bare))
  })
  if (!plain) return
  for (const entry of importableEntries(plain)) {
    check(`${name}: import ${entry}`, () => {
      const attribute = entry.endsWith('.json') ? `, { with: { type: 'json' } }` : ''
      node(['--input-type=module', '-e', `await import('${entry}'${attribute})`], plain)
    })
    check(`${name}: require ${entry}`, () =>
      node(['--input-type=commonjs', '-e', `require('${entry}')`], plain),
    )
  }
  check(`${name}: every module of the package finds its imports`, () => checkModules(plain))
  check(`${name}: millrace --help`, () => {
    const help = run(join(plain, 'node_modules/.bin/millrace'), ['--help'], plain)
    if (!/millrace/i.test(help)) throw new Error(`unexpected help: ${help}`)
  })
}

function install(name: keyof typeof packageManagers, tarball: string, flags: readonly string[]): string {
  const project = emptyProject(`${name}${flags.join('')}`.replaceAll(' ', '-'))
  const manager = packageManagers[name]
  const output = run('npx', ['--yes', manager.package, ...manager.install, ...flags, tarball], project)
  const warnings = output
    .split('\n')
    .filter(line => /\bwarn(ing)?\b/i.test(line) && !isAboutThisMachine(line))
  if (warnings.length > 0) throw new Error(warnings.join('\n'))
  return project
}

/** A setting of the machine's own npm configuration that a newer npm does not know is no fault of the package. */
function isAboutThisMachine(line: string): boolean {
  return /Unknown (user|global|builtin|env|cli) config/.test(line)
}

function emptyProject(name: string): string {
  const project = join(work, name)
  mkdirSync(project)
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module' }),
  )
  return project
}

function installedFiles(project: string): string[] {
  const bookkeeping =
    /\.package-lock\.json$|\.modules\.yaml$|\.pnpm-workspace-state|node_modules\/\.bin\/|lock\.yaml$/
  return globSync('node_modules/**/*', { cwd: project })
    .filter(path => !bookkeeping.test(path))
    .sort()
}

function same(these: readonly string[], those: readonly string[]): void {
  const other = new Set(those)
  const difference = [
    ...these.filter(path => !other.has(path)),
    ...those.filter(path => !these.includes(path)),
  ]
  if (difference.length > 0) throw new Error(`differ: ${difference.slice(0, 5).join(', ')}`)
}

function importableEntries(project: string): string[] {
  const manifest = JSON.parse(readFileSync(join(project, 'node_modules/millrace/package.json'), 'utf8'))
  return Object.keys(manifest.exports).map(key => `millrace${key.slice(1)}`)
}

/** A relative import or worker URL that the build did not turn into `.js` shows here. */
function checkModules(project: string): void {
  const root = join(project, 'node_modules/millrace')
  const modules = globSync('dist/**/*.js', { cwd: root })
  const unbuilt = modules.filter(path =>
    /new URL\(\s*['"`][^'"`]*\.ts['"`]/.test(readFileSync(join(root, path), 'utf8')),
  )
  if (unbuilt.length > 0) throw new Error(`URL of a .ts file in ${unbuilt.join(', ')}`)
  const unresolved = modules.flatMap(path =>
    parseSource(path, readFileSync(join(root, path), 'utf8'))
      .imports.filter(each => each.specifier.startsWith('.') && !existsSync(join(root, each.file!)))
      .map(each => `${path}:${each.line}: ${each.specifier}`),
  )
  if (unresolved.length > 0) throw new Error(unresolved.join('\n'))
}

function checkTypes(tarball: string): void {
  const project = check('types: the compilers install', () => {
    const folder = emptyProject('types')
    const aliases = Object.entries(compilers).map(([alias, version]) => `${alias}@npm:typescript@${version}`)
    run('npm', ['install', tarball, '@types/node@24', ...aliases], folder)
    cpSync(join(repositoryRoot, 'tools/package-test'), folder, { recursive: true })
    return folder
  })
  if (!project) return
  for (const resolution of ['nodenext', 'bundler']) {
    const config = `tsconfig.${resolution}.json`
    writeFileSync(join(project, config), JSON.stringify(consumerConfig(resolution)))
    for (const compiler of Object.keys(compilers)) {
      check(`types: ${compiler}, strict, moduleResolution ${resolution}`, () =>
        node([`node_modules/${compiler}/bin/tsc`, '-p', config], project),
      )
    }
  }
}

function consumerConfig(resolution: string): object {
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2022', 'esnext.disposable'],
    module: resolution === 'bundler' ? 'esnext' : 'nodenext',
    moduleResolution: resolution,
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
  }
  return { compilerOptions, files: ['pipeline.ts', 'formats.ts', 'wrong-pipeline.ts'] }
}

function check<T>(title: string, action: () => T): T | undefined {
  try {
    const result = action()
    passed++
    console.log(`✔ ${title}`)
    return result
  } catch (error) {
    failed++
    console.log(`✖ ${title}\n  ${(error as Error).message.trim().replaceAll('\n', '\n  ')}`)
    return undefined
  }
}

function node(args: readonly string[], cwd: string): string {
  return run(process.execPath, args, cwd)
}

/** Output and error output together; throws with both when the command fails. */
function run(command: string, args: readonly string[], cwd: string): string {
  const result = spawnSync(command, args, { cwd, env: userEnvironment(), encoding: 'utf8', timeout: 300_000 })
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`
  if (result.status === 0) return output
  throw new Error(
    `${command} ${args.join(' ')}: ${result.error?.message ?? `exit ${result.status ?? result.signal}`}\n${output}`,
  )
}

/** What a user's shell has: this Node first, and nothing that `npm run` added, above all not the `source` condition. */
function userEnvironment(): NodeJS.ProcessEnv {
  const fromNpmRun =
    /^(NODE_OPTIONS|INIT_CWD|npm_(package|lifecycle|node_execpath|execpath|command)|npm_config_(node_options|local_prefix|prefix|user_agent|workspace|global))/i
  const kept = Object.entries(process.env).filter(([name]) => !fromNpmRun.test(name))
  return { ...Object.fromEntries(kept), PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` }
}
