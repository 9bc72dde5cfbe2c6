/** Blocks of code in documents, and the regions of example files that they are copies of. */

export interface Block {
  /** The file, and the number of the line above the code: `docs/OPERATORS.md:28`. */
  readonly place: string
  readonly code: string
}

/** A row of a table, and the names in it that a program has to write. */
export interface Row {
  readonly place: string
  readonly names: readonly string[]
}

/** The TypeScript blocks of a document, without the indentation of a list around them. */
export function blocksOf(file: string, markdown: string): Block[] {
  return [...markdown.matchAll(/^( *)```ts\n([\s\S]*?)^\1```$/gm)].map(match => ({
    place: placeOf(file, markdown, match.index),
    code: withoutIndent(match[2]!),
  }))
}

/** What the tables of a document list in columns headed `Millrace` or `Event time`, row by row: the names that one writes. */
export function rowsOf(file: string, markdown: string, placeholders: ReadonlySet<string>): Row[] {
  let isListed = false
  return markdown.split('\n').flatMap((line, i) => {
    if (!line.startsWith('|')) isListed = false
    else if (/^\| (Millrace|Event time) \|/.test(line)) isListed = true
    if (!isListed) return []
    const code = [...line.split(' | ')[0]!.matchAll(/`([^`]+)`/g)].map(match => match[1]!).join(' ')
    const names = code.replace(/'[^']*'/g, '').match(/[A-Za-z]\w*/g) ?? []
    const written = names.filter(name => !placeholders.has(name))
    return written.length === 0 ? [] : [{ place: `${file}:${i + 1}`, names: written }]
  })
}

/** Rows with a name that no block has. */
export function rowProblems(rows: readonly Row[], blocks: readonly Block[]): string[] {
  const shown = new Set(blocks.flatMap(({ code }) => code.match(/\w+/g) ?? []))
  return rows.flatMap(({ place, names }) =>
    names
      .filter(name => !shown.has(name))
      .map(name => `${place}: no block of code uses \`${name}\`; show it in one beside this table`),
  )
}

/** What stands between the lines `// #region` and `// #endregion`; regions of one name (`// #region formats`) are one block. */
export function regionsOf(file: string, source: string): Block[] {
  const blocks: Block[] = []
  const named = new Map<string, number>()
  for (const match of source.matchAll(/^ *\/\/ #region *(.*)\n([\s\S]*?)^ *\/\/ #endregion$/gm)) {
    const name = match[1]!
    const block = { place: placeOf(file, source, match.index), code: withoutIndent(match[2]!) }
    const before = named.get(name)
    if (name !== '' && before !== undefined) blocks[before] = joined(blocks[before]!, block)
    else {
      named.set(name, blocks.length)
      blocks.push(block)
    }
  }
  return blocks
}

/** What to do about blocks without a region and regions without a block; empty when each has its own. */
export function problemsOf(blocks: readonly Block[], regions: readonly Block[]): string[] {
  const run = new Set(regions.map(({ code }) => code))
  const shown = new Set(blocks.map(({ code }) => code))
  return [
    ...blocks.filter(({ code }) => !run.has(code)).map(block => notRun(block, regions)),
    ...regions
      .filter(({ code }) => !shown.has(code))
      .map(({ place }) => `${place}: no document shows this region; put it there as a block, or take it out`),
  ]
}

function notRun({ place, code }: Block, regions: readonly Block[]): string {
  const lines = code.split('\n')
  const nearest = regions
    .map(region => ({ region, first: firstDifference(lines, region.code.split('\n')) }))
    .sort((a, b) => b.first - a.first)[0]
  const beginsAlike = nearest !== undefined && nearest.first > 0
  if (!beginsAlike)
    return `${place}: nothing runs this block; put it between the lines \`// #region\` and \`// #endregion\` of a test in examples/documents that runs it and checks what comes of it`
  const other = nearest.region.code.split('\n')[nearest.first] ?? 'the end'
  return `${place}: line ${nearest.first + 1} of the block, \`${lines[nearest.first] ?? 'the end'}\`, is \`${other}\` in what is run (${nearest.region.place}); make them alike`
}

function firstDifference(a: readonly string[], b: readonly string[]): number {
  const first = a.findIndex((line, i) => line !== b[i])
  return first < 0 ? a.length : first
}

function joined(before: Block, { code }: Block): Block {
  return { place: before.place, code: `${before.code}\n\n${code}` }
}

function placeOf(file: string, text: string, offset: number): string {
  return `${file}:${text.slice(0, offset).split('\n').length}`
}

function withoutIndent(code: string): string {
  const lines = code.replace(/\n+$/, '').split('\n')
  const indents = lines.filter(line => line !== '').map(line => /^ */.exec(line)![0].length)
  const indent = Math.min(...indents)
  return lines.map(line => line.slice(indent)).join('\n')
}
