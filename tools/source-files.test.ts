import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ruleNumbers, rulesOfLaterIssues, titledTests } from './rule-tests.ts'
import { parseSource, type SourceFile } from './source-files.ts'
import { reachedFrom, unusedExports, unusedFiles } from './unused.ts'

describe('what a source file imports and exports', () => {
  it('tells imports of values from imports of types', () => {
    const file = parseSource(
      'packages/millrace/src/engine/a.ts',
      `import type { A, B as C } from '../plan/a.ts'\nimport { type D, e } from './d.ts'\nlet x: import('./f.ts').F\nawait import('./g.ts')\n`,
    )
    assert.deepEqual(
      file.imports.map(each => [each.file?.slice(22), each.names, each.line, each.typeOnly]),
      [
        ['engine/d.ts', ['e'], 2, false],
        ['engine/g.ts', ['*'], 4, false],
        ['plan/a.ts', ['A', 'B'], 1, true],
        ['engine/f.ts', ['*'], 3, true],
        ['engine/d.ts', ['D'], 2, true],
      ],
    )
  })

  it('takes no import out of a string or a comment', () => {
    const text = `// import type { A } from './a.ts'\nexport const s = \`\nimport type { B } from './b.ts'\n\`\n`
    assert.deepEqual(parseSource('tools/x.ts', text).imports, [])
  })

  it('knows exported values, types and lists', () => {
    const text = `export const a = 1\nexport function b() {}\nexport class C {}\nexport interface D {}\nconst e = 1\nexport { e as f }\n`
    const exports = parseSource('tools/x.ts', text).exports
    assert.deepEqual(exports.map(each => each.name).sort(), ['C', 'D', 'a', 'b', 'f'])
  })
})

describe('unused code', () => {
  const files = filesOf({
    'tools/main.ts': `import { used } from './library.ts'\nused()\n`,
    'tools/library.ts': `export const used = () => 1\nexport const idle = 2\nexport interface Named {}\nexport type Lost = 1\nexport const shape = (n: Named) => n\n`,
    'tools/lonely.ts': 'export const a = 1\n',
    'tools/tried.ts': 'export const b = 1\n',
    'tools/tried.test.ts': `import { b } from './tried.ts'\nb\n`,
  })
  const entries = { product: ['tools/main.ts'], tests: ['tools/tried.test.ts'] }

  it('names a file that nothing imports, and one that only its own test imports', () => {
    assert.deepEqual(unusedFiles(files, entries), [
      'tools/lonely.ts:1: nothing imports this file',
      'tools/tried.ts:1: only its own test imports this file',
    ])
  })

  it('names an export that nobody imports, but not a type its own file speaks of', () => {
    const named = unusedExports(files, entries).filter(problem => problem.startsWith('tools/library.ts'))
    assert.deepEqual(
      named.map(problem => problem.split(' ').at(-1)),
      ['idle', 'shape', 'Lost'],
    )
  })

  it('reaches what an entry imports', () => {
    assert.deepEqual([...reachedFrom(['tools/main.ts'], files)], ['tools/main.ts', 'tools/library.ts'])
  })
})

describe('rules and their tests', () => {
  it('reads the numbers of the page and those that come later', () => {
    const page =
      '**1.1 Task.** text\n\n**1.2** text\n\n| rule | part | with |\n|---|---|---|\n| 1.1 | timers | x |\n| 1.2 | *whole* | joins |\n'
    assert.deepEqual(ruleNumbers(page), ['1.1', '1.2'])
    assert.deepEqual([...rulesOfLaterIssues(page)], [['1.2', 'joins']])
  })

  it('finds titles that begin with a number, also in a suite that several test files share', () => {
    const files = filesOf({
      'tools/suite.ts': `import { it } from 'node:test'\nexport const suite = () => it('[2.2] refuses a stale identity', () => {})\n`,
      'tools/one.test.ts': `import { suite } from './suite.ts'\nsuite()\n`,
      'tools/two.test.ts': `import { it } from 'node:test'\nit(\`[1.1] [1.2] \${1}\`, () => {})\nit.skip('[9.9] skipped', () => {})\nit('about [3.3]', () => {})\n`,
    })
    assert.deepEqual(
      titledTests(files).map(test => [test.rules, test.runBy]),
      [
        [['2.2'], ['tools/one.test.ts']],
        [['1.1', '1.2'], ['tools/two.test.ts']],
      ],
    )
  })
})

function filesOf(texts: Record<string, string>): Map<string, SourceFile> {
  return new Map(Object.entries(texts).map(([path, text]) => [path, parseSource(path, text)]))
}
