/** What each source file of the repository imports and exports, read exactly: types stripped by Node, the rest parsed by acorn. */
import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path/posix'
import { type Node, parse } from 'acorn'
import { repositoryRoot } from './run-tests.ts'

export interface Import {
  /** As written: `./task.ts`, `node:fs`, `zod`. */
  readonly specifier: string
  /** The file it leads to, relative to the repository; undefined for packages. */
  readonly file?: string
  /** `*` when every export may be used. */
  readonly names: readonly string[]
  readonly line: number
  /** Erased before the program runs, so it cannot close a runtime cycle. */
  readonly typeOnly: boolean
}

export interface SourceFile {
  /** Relative to the repository, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: number
  readonly imports: readonly Import[]
  readonly exports: readonly { readonly name: string; readonly line: number; readonly typeOnly: boolean }[]
  /** The program without its types, for checks of their own. */
  readonly program: AnyNode
}

/** An ESTree node read by field name. */
export type AnyNode = Node & Record<string, any>

const sourcePatterns = [
  'packages/*/{src,bin}/**/*.{ts,js}',
  'examples/**/*.ts',
  'bench/**/*.ts',
  'tools/**/*.ts',
]

/** All TypeScript files of the repository (and the package's bin), by path. */
export function readSourceFiles(): Map<string, SourceFile> {
  const paths = globSync(sourcePatterns, {
    cwd: repositoryRoot,
    exclude: ['**/node_modules/**', '**/dist/**', '**/testdata/**', '**/*.d.ts'],
  }).sort()
  return new Map(
    paths.map(path => [path, parseSource(path, readFileSync(join(repositoryRoot, path), 'utf8'))]),
  )
}

/** Reads one file's text; `path` decides where its relative imports lead. */
export function parseSource(path: string, text: string): SourceFile {
  const stripped = stripTypeScriptTypes(text)
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map(match => match.index + 1)]
  const lineAt = (offset: number) => lineStarts.findLastIndex(start => start <= offset) + 1
  const program = parse(stripped, {
    ecmaVersion: 'latest',
    sourceType: 'module',
    allowHashBang: true,
  }) as AnyNode
  const erased = (offset: number) => stripped[offset] === ' '
  const imports = [...valueImports(program), ...typeImports(text, erased)].map(found => ({
    specifier: found.specifier,
    file: resolveSpecifier(path, found.specifier),
    names: found.names,
    line: lineAt(found.offset),
    typeOnly: found.typeOnly,
  }))
  const exports = [...valueExports(program), ...typeExports(text, erased)].map(found => ({
    name: found.name,
    line: lineAt(found.offset),
    typeOnly: found.typeOnly,
  }))
  return { path, text, lines: lineStarts.length - 1, imports, exports, program }
}

/** Calls `visit` for a node and every node below it. */
export function walk(node: AnyNode, visit: (node: AnyNode) => void): void {
  visit(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child && typeof child === 'object' && typeof child.type === 'string') walk(child, visit)
    }
  }
}

interface FoundImport {
  specifier: string
  names: string[]
  offset: number
  typeOnly: boolean
}

interface FoundExport {
  name: string
  offset: number
  typeOnly: boolean
}

function valueImports(program: AnyNode): FoundImport[] {
  const found: FoundImport[] = []
  walk(program, node => {
    const specifier = node.source?.value
    if (typeof specifier !== 'string') return
    const names: Record<string, () => string[]> = {
      ImportDeclaration: () => node.specifiers.map(importedName),
      ExportNamedDeclaration: () => node.specifiers.map((each: AnyNode) => each.local.name),
      ExportAllDeclaration: () => ['*'],
      ImportExpression: () => ['*'],
    }
    const read = names[node.type]
    if (read) found.push({ specifier, names: read(), offset: node.start, typeOnly: false })
  })
  return found
}

function importedName(specifier: AnyNode): string {
  if (specifier.type === 'ImportNamespaceSpecifier') return '*'
  return specifier.type === 'ImportDefaultSpecifier' ? 'default' : specifier.imported.name
}

/**
 * Node blanks out types in place, so an `import type` found by pattern is real exactly where the stripped
 * text is blank, and text inside strings and comments never matches.
 */
function typeImports(text: string, erased: (offset: number) => boolean): FoundImport[] {
  const found: FoundImport[] = []
  const statement = /\b(?:import|export)\s+type\s+([^'"`;]*?)\s+from\s+['"]([^'"]+)['"]/g
  for (const match of text.matchAll(statement)) {
    if (erased(match.index)) found.push(typeImport(match.index, match[1]!, match[2]!))
  }
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    if (erased(match.index)) found.push(typeImport(match.index, '*', match[1]!))
  }
  // `import { type A, b } from` stays as an import of b; the type's name is read here.
  for (const match of text.matchAll(
    /\b(?:import|export)\s+(?!type\b)(?:\w+\s*,\s*)?\{([^}]*)\}\s+from\s+['"]([^'"]+)['"]/g,
  )) {
    const types = [...match[1]!.matchAll(/\btype\s+(\w+)/g)]
    const real = types.length > 0 && erased(match.index + match[0].indexOf(match[1]!) + types[0]!.index)
    if (real) found.push(typeImport(match.index, `{${types.map(type => type[1]).join()}}`, match[2]!))
  }
  return found
}

function typeImport(offset: number, clause: string, specifier: string): FoundImport {
  const names = clause.startsWith('{')
    ? clause
        .replace(/[{}]/g, '')
        .split(',')
        .map(part => part.trim().split(/\s+/)[0]!)
        .filter(Boolean)
    : ['*']
  return { specifier, names, offset, typeOnly: true }
}

function valueExports(program: AnyNode): FoundExport[] {
  const found: FoundExport[] = []
  const add = (name: string, node: AnyNode) => found.push({ name, offset: node.start, typeOnly: false })
  for (const node of program.body as AnyNode[]) {
    if (node.type === 'ExportDefaultDeclaration') add('default', node)
    if (node.type !== 'ExportNamedDeclaration') continue
    for (const specifier of node.specifiers) add(specifier.exported.name, specifier)
    if (node.declaration?.id) add(node.declaration.id.name, node)
    for (const declarator of node.declaration?.declarations ?? []) {
      if (declarator.id.type === 'Identifier') add(declarator.id.name, node)
    }
  }
  return found
}

function typeExports(text: string, erased: (offset: number) => boolean): FoundExport[] {
  const declaration = /\bexport\s+(?:declare\s+)?(?:interface|type)\s+(\w+)/g
  return [...text.matchAll(declaration)]
    .filter(match => erased(match.index))
    .map(match => ({ name: match[1]!, offset: match.index, typeOnly: true }))
}

/** The workspace's own names lead to sources, as the `source` condition does. */
const packageEntries: Readonly<Record<string, string>> = {
  millrace: 'packages/millrace/src/index.ts',
  'millrace/testing': 'packages/millrace/src/testing.ts',
}

function resolveSpecifier(path: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? join(dirname(path), specifier) : packageEntries[specifier]
}
