import { stripTypeScriptTypes } from 'node:module'
import { parse } from 'acorn'
import { fileOfImport, importsOf, type Place, placeIn, textOf } from './source-text.ts'

/** Where a module that does not parse is wrong. */
export interface SyntaxPlace extends Place {
  readonly message: string
}

/**
 * Finds the syntax error that an import of `file` failed with, in the file itself or in what it imports by
 * path. Node says of some errors neither file nor line.
 */
export function findSyntaxError(file: string, seen = new Set<string>()): SyntaxPlace | undefined {
  if (seen.has(file)) return undefined
  seen.add(file)
  const text = textOf(file)
  const own = syntaxErrorOf(file, text)
  if (own !== undefined) return own
  for (const { specifier } of importsOf(text)) {
    const imported = fileOfImport(file, specifier)
    const found = imported === undefined ? undefined : findSyntaxError(imported, seen)
    if (found !== undefined) return found
  }
  return undefined
}

function syntaxErrorOf(file: string, text: string): SyntaxPlace | undefined {
  if (!/\.[cm]?[jt]s$/.test(file)) return undefined
  let script: string
  try {
    // Types become blanks, so every position stays where it was.
    script = /ts$/.test(file) ? stripTypeScriptTypes(text) : text
  } catch {
    return undefined
  }
  try {
    parse(script, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true })
    return undefined
  } catch (error) {
    const { pos, message } = error as { pos?: number; message: string }
    if (pos === undefined) return undefined
    return { ...placeIn(file, text, pos), message: message.replace(/ \(\d+:\d+\)$/, '') }
  }
}
