/** Which tests carry the number of which rule. */
import { tableRows } from './layering.ts'
import { type AnyNode, type SourceFile, walk } from './source-files.ts'

export interface TitledTest {
  readonly rules: readonly string[]
  readonly title: string
  readonly file: string
  readonly line: number
  /** The test files that run it: itself, or those that import a suite shared by several. */
  readonly runBy: readonly string[]
}

/** The numbers of the page's rules, in its order; throws when one stands there twice. */
export function ruleNumbers(semantics: string): string[] {
  const numbers = [...semantics.matchAll(/^\*\*(\d+\.\d+)\b/gm)].map(match => match[1]!)
  const twice = numbers.find((number, index) => numbers.indexOf(number) !== index)
  if (twice) throw new Error(`SEMANTICS.md has rule ${twice} twice`)
  return numbers
}

/** Rules that have no test yet, with what they come with. */
export function rulesOfLaterIssues(semantics: string): Map<string, string> {
  const rows = tableRows(semantics, 'rule').filter(row => row[1] === '*whole*')
  return new Map(rows.map(row => [row[0]!, row[2]!]))
}

/** Calls of `it`, `test`, `describe` or `suite` whose title begins with `[n.m]`, also `[n.m, n.m]` or `[n.m] [n.m]`. */
export function titledTests(files: ReadonlyMap<string, SourceFile>): TitledTest[] {
  return [...files.values()].flatMap(file =>
    titlesOf(file).map(title => ({ ...title, runBy: runnersOf(file, files) })),
  )
}

function titlesOf(file: SourceFile): Omit<TitledTest, 'runBy'>[] {
  const found: Omit<TitledTest, 'runBy'>[] = []
  walk(file.program, node => {
    if (node.type !== 'CallExpression' || !isTestFunction(node.callee)) return
    const title = textOf(node.arguments[0])
    const numbers = title?.match(/^(?:\[[\d., ]+\]\s*)+/)?.[0].match(/\d+\.\d+/g)
    if (!title || !numbers) return
    const line = file.text.slice(0, node.start).split('\n').length
    found.push({ rules: numbers, title, file: file.path, line })
  })
  return found
}

/** A skipped test proves nothing, so `it.skip` and `it.todo` do not count. */
function isTestFunction(callee: AnyNode): boolean {
  const names = ['it', 'test', 'describe', 'suite']
  if (callee.type === 'Identifier') return names.includes(callee.name)
  return callee.type === 'MemberExpression' && callee.property.name === 'test'
}

function textOf(node: AnyNode | undefined): string | undefined {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value
  if (node?.type !== 'TemplateLiteral') return undefined
  return node.quasis.map((part: AnyNode) => part.value.cooked).join('…')
}

function runnersOf(file: SourceFile, files: ReadonlyMap<string, SourceFile>): string[] {
  if (file.path.endsWith('.test.ts')) return [file.path]
  const seen = new Set([file.path])
  const queue = [file.path]
  for (const target of queue) {
    for (const other of files.values()) {
      if (seen.has(other.path) || !other.imports.some(each => each.file === target && !each.typeOnly))
        continue
      seen.add(other.path)
      if (!other.path.endsWith('.test.ts')) queue.push(other.path)
    }
  }
  return [...seen].filter(path => path.endsWith('.test.ts'))
}
