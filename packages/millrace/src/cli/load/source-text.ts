import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** A place in a file of the user's; line and column count from 1. */
export interface Place {
  readonly file: string
  readonly line?: number
  readonly column?: number
}

/** The text of a file, empty where it cannot be read. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Line `line` (from 1) of a file. */
export function lineOf(file: string, line: number): string {
  return textOf(file).split(/\r?\n/)[line - 1] ?? ''
}

/** The place of a position in a text. */
export function placeIn(file: string, text: string, at: number): Place {
  const before = text.slice(0, at).split('\n')
  return { file, line: before.length, column: before.at(-1)!.length + 1 }
}

/** The line at a place with a mark under its column. */
export function excerptAt({ file, line, column = 1 }: Place, length = 1): string | undefined {
  if (line === undefined) return undefined
  const text = lineOf(file, line)
  if (text.trim() === '') return undefined
  const number = String(line)
  const indent = text.slice(0, column - 1).replace(/[^\t]/g, ' ')
  return `${number} | ${text}\n${' '.repeat(number.length)} | ${indent}${'^'.repeat(Math.max(1, length))}`
}

/** A module named in an import or export. */
export interface ImportSpecifier {
  readonly specifier: string
  /** Where its text begins, behind the quote. */
  readonly at: number
}

const SPECIFIER = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\1/g

/** The modules a source text names. */
export function importsOf(text: string): ImportSpecifier[] {
  return [...text.matchAll(SPECIFIER)].map(match => ({
    specifier: match[2]!,
    at: match.index + match[0].length - 1 - match[2]!.length,
  }))
}

/** The file a relative import leads to, whether it exists or not; undefined for a package. */
export function fileOfImport(importer: string, specifier: string): string | undefined {
  return /^\.{0,2}\//.test(specifier) ? resolve(dirname(importer), specifier) : undefined
}

const SOURCE_EXTENSIONS = ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.json']

/** What has to be written so that a relative import that leads nowhere finds its file: `./b` becomes `./b.ts`. */
export function existingImport(importer: string, specifier: string): string | undefined {
  const found = (written: string) => isFile(resolve(dirname(importer), written))
  const stem = specifier.replace(/\.[cm]?jsx?$/, '')
  const folder = specifier.replace(/\/$/, '')
  const candidates = [
    ...SOURCE_EXTENSIONS.map(extension => specifier + extension),
    ...SOURCE_EXTENSIONS.map(extension => stem + extension),
    ...SOURCE_EXTENSIONS.map(extension => `${folder}/index${extension}`),
  ]
  return candidates.find(found)
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile()
}
