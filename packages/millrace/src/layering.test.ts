import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { layeringProblems, readLayering } from '../../../tools/layering.ts'
import { parseSource, readSourceFiles } from '../../../tools/source-files.ts'

const architecture = readFileSync(new URL('../../../docs/ARCHITECTURE.md', import.meta.url), 'utf8')

describe('the folder table of ARCHITECTURE.md', () => {
  it('is what the sources import: downward only, no cycle, each vendor and clock in its one place', () => {
    assert.deepEqual(layeringProblems(readLayering(architecture), readSourceFiles()), [])
  })

  it('notices an upward import, also one of a type alone', () => {
    assert.deepEqual(problemsOf({ 'record/a.ts': `import type { B } from '../engine/b.ts'\n` }), [
      'packages/millrace/src/record/a.ts:1: record/ may not import engine/ (../engine/b.ts)',
    ])
  })

  it('notices a folder that the table does not know', () => {
    assert.match(problemsOf({ 'misc/a.ts': 'export const a = 1\n' }).join(), /misc\/ is not in the table/)
  })

  it('notices a cycle of values and lets a cycle of types be', () => {
    const b = `import { a } from './a.ts'\nexport const b = () => a\n`
    const cyclic = problemsOf({
      'record/a.ts': `import { b } from './b.ts'\nexport const a = b\n`,
      'record/b.ts': b,
    })
    assert.match(cyclic.join(), /import cycle record\/a\.ts → record\/b\.ts → record\/a\.ts/)
    assert.deepEqual(
      problemsOf({
        'record/a.ts': `import type { b } from './b.ts'\nexport const a: typeof b = 1\n`,
        'record/b.ts': b,
      }),
      [],
    )
  })

  it('notices a vendor, a clock, a timer and a random number outside their places', () => {
    const text = `import 'node:sqlite'\nexport const t = () => [Date.now(), new Date(), Math.random()]\nsetTimeout(t, 1)\n`
    assert.equal(problemsOf({ 'engine/a.ts': text }).length, 5)
    assert.deepEqual(
      problemsOf({ 'log/embedded/a.ts': `import 'node:sqlite'\n`, 'std/clock.ts': 'Date.now()\n' }),
      [],
    )
  })

  it('takes no import or clock out of a string, a comment or a method of the same name', () => {
    const text = `// import '../cli/a.ts'\nexport const s = "Date.now()"\nexport const f = (c: any) => c.setTimeout(s)\n`
    assert.deepEqual(problemsOf({ 'engine/a.ts': text }), [])
  })
})

function problemsOf(files: Record<string, string>): string[] {
  const sources = Object.entries(files).map(([path, text]) =>
    parseSource(`packages/millrace/src/${path}`, text),
  )
  return layeringProblems(readLayering(architecture), new Map(sources.map(file => [file.path, file])))
}
