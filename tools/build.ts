/** `npm run build`: compiles packages/millrace into its dist/, without what only tests reach, and puts the texts beside it that a published package carries. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { repositoryRoot } from './run-tests.ts'
import { readSourceFiles } from './source-files.ts'
import { entryPoints, reachedFrom } from './unused.ts'

const packageFolder = join(repositoryRoot, 'packages/millrace')
const sources = 'packages/millrace/src/'

rmSync(join(packageFolder, 'dist'), { recursive: true, force: true })
const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc')
const compile = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
  cwd: packageFolder,
  stdio: 'inherit',
})
const files = readSourceFiles()
const shipped = reachedFrom(entryPoints(files).product, files)
for (const path of files.keys()) {
  if (!path.startsWith(sources) || shipped.has(path)) continue
  const built = join(packageFolder, 'dist', path.slice(sources.length).replace(/\.ts$/, ''))
  for (const ending of ['.js', '.d.ts']) rmSync(built + ending, { force: true })
}
for (const text of ['LICENSE', 'NOTICE', 'README.md']) {
  const from = join(repositoryRoot, text)
  if (existsSync(from)) copyFileSync(from, join(packageFolder, text))
}
process.exitCode = compile.status ?? 1
