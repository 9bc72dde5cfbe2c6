/** `npm run build`: compiles packages/millrace into its dist/ and puts the texts beside it that a published package carries. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { repositoryRoot } from './run-tests.ts'

const packageFolder = join(repositoryRoot, 'packages/millrace')

rmSync(join(packageFolder, 'dist'), { recursive: true, force: true })
const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc')
const compile = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
  cwd: packageFolder,
  stdio: 'inherit',
})
for (const text of ['LICENSE', 'NOTICE', 'README.md']) {
  const from = join(repositoryRoot, text)
  if (existsSync(from)) copyFileSync(from, join(packageFolder, text))
}
process.exitCode = compile.status ?? 1
