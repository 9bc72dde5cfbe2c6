import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url))

/** A user's project in a directory of its own, removed when it is disposed of. */
export interface TestProject extends Disposable {
  readonly directory: string
  path(file: string): string
  write(file: string, text: string): string
}

/** Makes a project of these files; without a package.json among them it is an ES module project called `shop`. */
export function testProject(files: Readonly<Record<string, string>> = {}): TestProject {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-cli-')))
  const path = (file: string) => join(directory, file)
  const write = (file: string, text: string) => {
    mkdirSync(dirname(path(file)), { recursive: true })
    writeFileSync(path(file), text)
    return path(file)
  }
  write('package.json', JSON.stringify({ name: 'shop', type: 'module' }))
  for (const [file, text] of Object.entries(files)) write(file, text)
  mkdirSync(path('node_modules'))
  symlinkSync(PACKAGE, path('node_modules/millrace'))
  return {
    directory,
    path,
    write,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}
