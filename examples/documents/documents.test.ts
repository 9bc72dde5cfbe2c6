import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { blocksOf, problemsOf, regionsOf, rowProblems, rowsOf } from './documents.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const documents = globSync('docs/*.md', { cwd: root }).sort()
const examples = globSync('examples/documents/{*.test,millrace.config}.ts', { cwd: root }).sort()

/** What stands in the tables for whatever a program has there. */
const placeholders = new Set(
  'a b c columns context error fn gap k K keyed key left m n other pause period quiet right row stream T table time topic v value'.split(
    ' ',
  ),
)

describe('the TypeScript of docs/', () => {
  it('is what the tests beside this one run', () => {
    const blocks = documents.flatMap(file => blocksOf(file, read(file)))
    const regions = examples
      .filter(file => !file.endsWith('documents.test.ts'))
      .flatMap(file => regionsOf(file, read(file)))
    assert.ok(blocks.length > 15, `${blocks.length} blocks`)
    assert.equal(problemsOf(blocks, regions).join('\n'), '')
  })

  it('shows every operator and option that the tables of OPERATORS.md list', () => {
    const file = 'docs/OPERATORS.md'
    const rows = rowsOf(file, read(file), placeholders)
    assert.ok(rows.length > 60, `${rows.length} rows`)
    assert.equal(rowProblems(rows, blocksOf(file, read(file))).join('\n'), '')
  })

  it('has no block that is written otherwise and so passed over', () => {
    for (const file of [...documents, 'README.md']) {
      assert.doesNotMatch(
        read(file),
        /^ *(```+|~~~+) *(typescript|tsx|js|javascript)\b|^ *(````+|~~~+)ts\b/im,
        file,
      )
    }
    assert.equal(blocksOf('README.md', read('README.md')).length, 1, 'readme.test.ts runs one block')
  })
})

const markdown = '# Title\n\n```ts\na()\n\nb()\n```\n\n- in a list:\n\n  ```ts\n  if (c)\n    d()\n  ```\n'
const source =
  '// #region\na()\n\nb()\n// #endregion\nf(() => {\n  // #region\n  if (c)\n    d()\n  // #endregion\n})\n'

describe('blocks and regions', () => {
  it('are equal without the indentation around them', () => {
    const blocks = blocksOf('a.md', markdown)
    assert.deepEqual(blocks, [
      { place: 'a.md:3', code: 'a()\n\nb()' },
      { place: 'a.md:11', code: 'if (c)\n  d()' },
    ])
    assert.deepEqual(problemsOf(blocks, regionsOf('a.test.ts', source)), [])
  })

  it('are said to differ where they do', () => {
    const blocks = blocksOf('a.md', markdown.replace('b()', 'e()').replace('if (c)', 'for (;;)'))
    assert.deepEqual(problemsOf(blocks, regionsOf('a.test.ts', source)), [
      'a.md:3: line 3 of the block, `e()`, is `b()` in what is run (a.test.ts:1); make them alike',
      'a.md:11: nothing runs this block; put it between the lines `// #region` and `// #endregion` of a test in examples/documents that runs it and checks what comes of it',
      'a.test.ts:1: no document shows this region; put it there as a block, or take it out',
      'a.test.ts:7: no document shows this region; put it there as a block, or take it out',
    ])
  })

  it('do without a name of a table', () => {
    const table =
      '| Millrace | Flink |\n|---|---|\n| `keyed.a1(fn)`, `b1` | `x` |\n\n| Other |\n|---|\n| `c1` |\n'
    const rows = rowsOf('a.md', table, new Set(['keyed', 'fn']))
    assert.deepEqual(rows, [{ place: 'a.md:3', names: ['a1', 'b1'] }])
    assert.deepEqual(rowProblems(rows, [{ place: '', code: 'x.a1()' }]), [
      'a.md:3: no block of code uses `b1`; show it in one beside this table',
    ])
  })

  it('of one name are one', () => {
    const named =
      '// #region x\nimport a from "a"\n// #endregion\nconst b = 1\n// #region x\na(b)\n// #endregion\n'
    assert.deepEqual(regionsOf('a.ts', named), [{ place: 'a.ts:1', code: 'import a from "a"\n\na(b)' }])
  })
})
