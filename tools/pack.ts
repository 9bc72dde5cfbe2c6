/**
 * `npm run pack [-- --pack-destination DIR]`: builds packages/millrace and packs what is published. Its package.json is the
 * workspace's without the `source` condition, whose files are not in it, and without scripts.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryRoot } from './run-tests.ts'

const { values } = parseArgs({ options: { 'pack-destination': { type: 'string', default: '.' } } })
const packageFolder = join(repositoryRoot, 'packages/millrace')
const destination = resolve(values['pack-destination'])
const staged = mkdtempSync(join(tmpdir(), 'millrace-pack-'))
try {
  const isBuilt = succeeds(process.execPath, ['--disable-warning=ExperimentalWarning', 'tools/build.ts'])
  if (isBuilt) stage()
  process.exitCode =
    isBuilt && succeeds('npm', ['pack', staged, '--loglevel=error', '--pack-destination', destination])
      ? 0
      : 1
} finally {
  rmSync(staged, { recursive: true, force: true })
}

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { cwd: repositoryRoot, stdio: 'inherit' }).status === 0
}

function stage(): void {
  const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'))
  for (const path of manifest.files)
    cpSync(join(packageFolder, path), join(staged, path), { recursive: true })
  const { scripts: _, ...published } = manifest
  const text = JSON.stringify(published, (name, value) => (name === 'source' ? undefined : value), 2)
  writeFileSync(join(staged, 'package.json'), `${text}\n`)
}
