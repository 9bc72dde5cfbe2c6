import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CliError } from '../cli-error.ts'
import { testProject } from '../testkit/project.ts'
import { loadPipeline, loadPipelines } from './load-pipeline.ts'

const TOPICS = `import { topic, json } from 'millrace'
export type View = { url: string; ms: number }
export const views = topic('views', { value: json<View>() })
`
const GOOD = `import { pipeline } from 'millrace'
import { views } from './topics.ts'
export default pipeline('good', p => {
  p.from(views).print()
})
`

async function refusal(files: Record<string, string>, file = 'a.ts'): Promise<CliError> {
  using project = testProject({ 'topics.ts': TOPICS, ...files })
  try {
    await loadPipeline(project.path(file), project.directory)
  } catch (error) {
    return error as CliError
  }
  return assert.fail('it loaded')
}

describe('loading a pipeline file', () => {
  it('gives the pipeline with its topics', async () => {
    using project = testProject({ 'topics.ts': TOPICS, 'good.ts': GOOD })
    const { pipeline, topics } = await loadPipeline(project.path('good.ts'), project.directory)
    assert.equal(pipeline.name, 'good')
    assert.deepEqual(
      topics.map(({ name }) => name),
      ['views'],
    )
  })

  it('says which file is missing', async () => {
    const error = await refusal({}, 'pipelines/nope.ts')
    assert.equal(error.message, 'There is no file pipelines/nope.ts')
    assert.match(error.wayOut!, /check the path/)
  })

  it('tells a CommonJS project to say "type": "module"', async () => {
    const error = await refusal({
      'package.json': JSON.stringify({ name: 'shop', type: 'commonjs' }),
      'a.ts': GOOD,
    })
    assert.match(error.message, /taken for CommonJS/)
    assert.equal(error.place, 'a.ts:1:1')
    assert.match(error.wayOut!, /"type": "module" in package\.json/)
  })

  it('tells a file that uses require to import', async () => {
    const error = await refusal({ 'a.ts': `const { pipeline } = require('millrace')\nexport default 1\n` })
    assert.equal(error.place, 'a.ts:1:22')
    assert.match(error.wayOut!, /^import … from/)
  })

  it('tells a file that uses module.exports to export', async () => {
    const error = await refusal({
      'a.ts': `import { pipeline } from 'millrace'\nmodule.exports = pipeline\n`,
    })
    assert.equal(error.place, 'a.ts:2:1')
    assert.match(error.wayOut!, /^export default … instead of module\.exports/)
  })

  it('shows the object that does what an enum did', async () => {
    const error = await refusal({ 'a.ts': `export default 1\n\nenum Color { Red, Green }\n` })
    assert.equal(error.place, 'a.ts:3:1')
    assert.match(error.message, /enum cannot run/)
    assert.match(error.wayOut!, /^const Color = \{ … \} as const instead of enum Color/)
    assert.match(error.excerpt!, /^3 \| enum Color \{ Red, Green \}\n {2}\| \^+$/)
  })

  it('finds an enum in a file that the pipeline imports', async () => {
    const error = await refusal({ 'a.ts': `import './b.ts'\n`, 'b.ts': `\nexport enum Size { S }\n` })
    assert.equal(error.place, 'b.ts:2:8')
  })

  it('shows the field that does what a parameter property did', async () => {
    const error = await refusal({ 'a.ts': `class A {\n  constructor(private readonly rate: number) {}\n}\n` })
    assert.equal(error.place, 'a.ts:2:32')
    assert.match(error.wayOut!, /this\.rate = rate in the constructor/)
  })

  it('shows the file that does what a namespace did', async () => {
    const error = await refusal({ 'a.ts': `namespace Prices { export const x = 1 }\n` })
    assert.equal(error.place, 'a.ts:1:1')
    assert.match(error.wayOut!, /import \* as Prices from '\.\/prices\.ts'/)
  })

  it('knows the way out of other syntax that is not erased', async () => {
    const angle = await refusal({ 'a.ts': `export default <unknown>1\n` })
    assert.match(angle.wayOut!, /^value as Type/)
    const equals = await refusal({ 'a.ts': `import x = require('./topics.ts')\n` })
    assert.match(equals.wayOut!, /^import name from/)
    const decorator = await refusal({ 'a.ts': `function d(x: unknown) {}\n@d\nclass A {}\n` })
    assert.equal(decorator.place, 'a.ts:2:1')
    assert.match(decorator.message, /^Decorators cannot run/)
  })

  it('adds the extension that an import lacks', async () => {
    const error = await refusal({
      'a.ts': `import { pipeline } from 'millrace'\nimport { views } from './topics'\n`,
    })
    assert.equal(error.place, 'a.ts:2:24')
    assert.equal(error.wayOut, "'./topics.ts' instead of './topics'")
  })

  it('turns .js into the .ts that is there', async () => {
    const error = await refusal({ 'a.ts': `import { views } from './topics.js'\n` })
    assert.equal(error.wayOut, "'./topics.ts' instead of './topics.js'")
  })

  it('names the index file of an imported folder', async () => {
    const error = await refusal({
      'a.ts': `import { x } from './lib'\n`,
      'lib/index.ts': 'export const x = 1\n',
    })
    assert.equal(error.place, 'a.ts:1:20')
    assert.equal(error.wayOut, "'./lib/index.ts' instead of './lib'")
  })

  it('names the files beside one that is not there', async () => {
    const error = await refusal({ 'a.ts': `import { views } from './topcis.ts'\n` })
    assert.equal(error.place, 'a.ts:1:24')
    assert.equal(error.wayOut, 'check the name: there is topics.ts')
  })

  it('says how to install a package that is missing', async () => {
    const error = await refusal({ 'a.ts': `\nimport { z } from 'a-missing-package/mini'\n` })
    assert.equal(error.place, 'a.ts:2:20')
    assert.equal(error.wayOut, 'npm install a-missing-package')
  })

  it('writes "type" into an import of a type of the project', async () => {
    const error = await refusal({
      'a.ts': `import { View, views } from './topics.ts'\nexport default views\n`,
    })
    assert.equal(error.place, 'a.ts:1:10')
    assert.equal(error.wayOut, "import { type View, views } from './topics.ts'")
  })

  it('writes "type" into an import of a type of a package', async () => {
    const error = await refusal({
      'a.ts': `import { pipeline, Topic } from 'millrace'\nexport default pipeline\n`,
    })
    assert.equal(error.place, 'a.ts:1:20')
    assert.equal(error.wayOut, "import { pipeline, type Topic } from 'millrace'")
  })

  it('lists what a module exports when a name is misspelt', async () => {
    const error = await refusal({ 'a.ts': `import { viwes } from './topics.ts'\n` })
    assert.equal(error.message, "'./topics.ts' does not export viwes")
    assert.match(error.wayOut!, /exports views$/)
  })

  it('points at a syntax error of TypeScript and of JavaScript', async () => {
    const typed = await refusal({ 'a.ts': `import { views } from './topics.ts'\nconst x: number = = 3\n` })
    assert.equal(typed.place, 'a.ts:2:19')
    assert.match(typed.message, /^Syntax error: /)
    const plain = await refusal({ 'a.ts': `import './b.js'\n`, 'b.js': `const a = 1\nconst a = 2\n` })
    assert.equal(plain.place, 'b.js:2:7')
  })

  it('says what a default export is missing', async () => {
    const none = await refusal({ 'a.ts': `import { views } from './topics.ts'\nviews\n` })
    assert.equal(none.message, 'a.ts has no default export')
    assert.match(none.wayOut!, /^export default pipeline\(/)
    const named = await refusal({ 'a.ts': GOOD.replace('export default', 'export const good =') })
    assert.equal(named.place, 'a.ts:3:14')
    assert.equal(named.wayOut, 'export default pipeline(…) instead of export const good = pipeline(…)')
  })

  it('says what a default export is, where it is no pipeline', async () => {
    const topic = await refusal({ 'a.ts': `import { views } from './topics.ts'\nexport default views\n` })
    assert.equal(topic.message, 'The default export of a.ts is the topic "views", not a pipeline')
    assert.equal(topic.place, 'a.ts:2:1')
    const fn = await refusal({ 'a.ts': `export default () => 1\n` })
    assert.match(fn.message, /is a function, not a pipeline/)
  })

  it('points at the line where a pipeline cannot be built, with its way out', async () => {
    const error = await refusal({
      'a.ts': `import { pipeline } from 'millrace'
import { views } from './topics.ts'
export default pipeline('a', p => {
  p.from(views)
    .keyBy('bad name', v => v.url)
})
`,
    })
    assert.match(error.message, /^This cannot run as it is written: pipeline "a"/)
    assert.equal(error.place, 'a.ts:5:6')
    assert.equal(error.wayOut, 'use letters, digits, "_" and "-" only')
  })

  it('points at the line of any other error while loading', async () => {
    const error = await refusal({
      'a.ts': `import './b.ts'\n`,
      'b.ts': `\nthrow new RangeError('no such shop')\n`,
    })
    assert.equal(error.place, 'b.ts:2:7')
    assert.match(error.message, /RangeError: no such shop/)
  })

  it('refuses two pipelines of one name', async () => {
    using project = testProject({ 'topics.ts': TOPICS, 'a.ts': GOOD, 'b.ts': GOOD })
    const files = [project.path('a.ts'), project.path('b.ts')]
    await assert.rejects(loadPipelines(files, project.directory), {
      message: 'Two pipelines are called "good": a.ts and b.ts',
    })
  })
})
