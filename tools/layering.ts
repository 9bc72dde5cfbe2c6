/** The direction of imports: the tables in docs/ARCHITECTURE.md, held against what the sources import. */
import type { SourceFile } from './source-files.ts'
import { type AnyNode, walk } from './source-files.ts'

const sourceRoot = 'packages/millrace/src/'

/** The folders any folder may import without being listed. */
const everywhere = 'std'

export interface Layering {
  /** Folder → what it may import, folders or single files such as `log/log.ts`, in the order of the table (lowest first). */
  readonly folders: ReadonlyMap<string, ReadonlySet<string>>
  /** Module → the only path prefixes (below src/) that may import it. */
  readonly modules: ReadonlyMap<string, readonly string[]>
  /** Global such as `Date.now` → the only path prefixes (below src/) that may use it. */
  readonly globals: ReadonlyMap<string, readonly string[]>
}

/** Reads the tables headed `folder`, `module` and `global`; throws when one is missing or unreadable. */
export function readLayering(markdown: string): Layering {
  const folders = new Map<string, ReadonlySet<string>>()
  for (const [folder, , allowed] of tableRows(markdown, 'folder')) {
    const above = [...folders.keys()]
    const names = /all of the above/.test(allowed!) ? above : listed(allowed!)
    for (const name of names) {
      if (!folders.has(name.split('/')[0]!))
        throw new Error(`ARCHITECTURE.md: ${folder} may import ${name}, which is not above it`)
    }
    folders.set(folder!.replace(/[`/]/g, ''), new Set([...names, everywhere]))
  }
  const places = (head: string) =>
    new Map(
      tableRows(markdown, head).flatMap(([names, only]) => listed(names!).map(name => [name, listed(only!)])),
    )
  return { folders, modules: places('module'), globals: places('global') }
}

/** One line per violation: `file:line: what is wrong`. */
export function layeringProblems(layering: Layering, files: ReadonlyMap<string, SourceFile>): string[] {
  const sources = [...files.values()].filter(file => file.path.startsWith(sourceRoot))
  return [
    ...sources
      .filter(isProduction)
      .flatMap(file => [...directionProblems(layering, file), ...placeProblems(layering, file)]),
    ...sources.filter(file => !isProduction(file)).flatMap(file => unknownFolder(layering, file)),
    ...cycles(sources).map(cycle => `${cycle[0]}: import cycle ${cycle.join(' → ')}`),
  ]
}

/** Tests and their kits may import and use anything: a test of plan/ may build its pipeline with stream/. */
export function isProduction(file: SourceFile): boolean {
  return !/\.test(-d)?\.ts$|\/testkit\//.test(file.path)
}

function directionProblems(layering: Layering, file: SourceFile): string[] {
  const folder = folderOf(file.path)
  if (folder === undefined) return []
  const allowed = layering.folders.get(folder)
  if (!allowed) return unknownFolder(layering, file)
  const problems: string[] = []
  for (const each of file.imports) {
    if (!each.file?.startsWith(sourceRoot)) continue
    const target = folderOf(each.file)
    if (target === folder || (target !== undefined && allowed.has(target))) continue
    if (allowed.has(each.file.slice(sourceRoot.length))) continue
    const what = target === undefined ? 'an entry point of the package' : `${target}/`
    problems.push(`${file.path}:${each.line}: ${folder}/ may not import ${what} (${each.specifier})`)
  }
  return problems
}

function unknownFolder(layering: Layering, file: SourceFile): string[] {
  const folder = folderOf(file.path)
  if (folder === undefined || layering.folders.has(folder)) return []
  return [`${file.path}:1: folder ${folder}/ is not in the table of ARCHITECTURE.md`]
}

function placeProblems(layering: Layering, file: SourceFile): string[] {
  const inside = (places: readonly string[]) => places.some(place => file.path.startsWith(sourceRoot + place))
  const problems: string[] = []
  for (const each of file.imports) {
    const places = layering.modules.get(each.specifier)
    if (places && !inside(places)) {
      problems.push(`${file.path}:${each.line}: ${each.specifier} belongs to ${places.join(', ')}`)
    }
  }
  for (const used of globalsOf(file.program)) {
    const places = layering.globals.get(used.name)
    if (places && !inside(places)) {
      const line = file.text.slice(0, used.offset).split('\n').length
      problems.push(`${file.path}:${line}: ${used.name} belongs to ${places.join(', ')}`)
    }
  }
  return problems
}

/** `Date.now` for a member, `setTimeout` for a call or a bare reference, `new Date` for one without an argument. */
function globalsOf(program: AnyNode): { name: string; offset: number }[] {
  const found: { name: string; offset: number }[] = []
  const members = new Set<AnyNode>()
  walk(program, node => {
    if (node.type === 'MemberExpression' && !node.computed) {
      members.add(node.property)
      if (node.object.type === 'Identifier') {
        found.push({ name: `${node.object.name}.${node.property.name}`, offset: node.start })
      }
    } else if ((node.type === 'Property' || /Definition$/.test(node.type)) && !node.computed)
      members.add(node.key)
    else if (node.type === 'NewExpression' && node.callee.name === 'Date' && node.arguments.length === 0) {
      found.push({ name: 'new Date', offset: node.start })
    } else if (node.type === 'Identifier' && !members.has(node))
      found.push({ name: node.name, offset: node.start })
  })
  return found
}

/** Cycles of imports that exist at run time, each named once, from its first file. */
function cycles(sources: readonly SourceFile[]): string[][] {
  const byPath = new Map(sources.map(file => [file.path, file]))
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const found: string[][] = []
  const visit = (path: string) => {
    const file = byPath.get(path)
    if (!file || state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      found.push([...trail.slice(trail.indexOf(path)), path].map(each => each.replace(sourceRoot, '')))
      return
    }
    state.set(path, 'open')
    trail.push(path)
    for (const each of file.imports) if (each.file && !each.typeOnly) visit(each.file)
    trail.pop()
    state.set(path, 'done')
  }
  for (const path of byPath.keys()) visit(path)
  return found
}

/** Undefined for the entry points that lie directly in src/. */
function folderOf(path: string): string | undefined {
  const parts = path.slice(sourceRoot.length).split('/')
  return parts.length > 1 ? parts[0] : undefined
}

/** The rows of the first table whose head begins with this word. */
export function tableRows(markdown: string, head: string): string[][] {
  const lines = markdown.split('\n')
  const start = lines.findIndex(line => line.startsWith(`| ${head}`))
  if (start < 0) throw new Error(`no table headed "${head}"`)
  const rest = lines.slice(start + 2)
  const end = rest.findIndex(line => !line.startsWith('|'))
  return rest.slice(0, end < 0 ? undefined : end).map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  )
}

function listed(cell: string): string[] {
  return cell
    .replaceAll('`', '')
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '' && name !== 'nothing')
}
