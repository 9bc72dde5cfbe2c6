import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The first TypeScript block of the README, as a file inside the repository so that it finds the package. */
async function withReadmeCode(check: (directory: string) => Promise<void>): Promise<void> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const code = /```ts\n(.*?)```/s.exec(readme)![1]!
  await mkdir(join(root, '.millrace'), { recursive: true })
  const directory = await mkdtemp(join(root, '.millrace/readme-'))
  try {
    await writeFile(join(directory, 'pipeline.ts'), code)
    await check(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

describe('the README', () => {
  it('shows a pipeline of at most 25 lines that compiles and runs', { timeout: 60_000 }, async () => {
    await withReadmeCode(async directory => {
      const lines = (await readFile(join(directory, 'pipeline.ts'), 'utf8')).trim().split('\n')
      assert.ok(lines.length <= 25, `${lines.length} lines`)
      const config = {
        extends: join(root, 'tsconfig.json'),
        compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] },
        include: ['pipeline.ts'],
        exclude: [],
      }
      await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config))
      await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', directory])
      await run(process.execPath, ['--conditions=source', 'pipeline.ts'], { cwd: directory })
    })
  })
})
