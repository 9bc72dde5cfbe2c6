import { fileURLToPath } from 'node:url'
import type { Place } from './source-text.ts'

const FRAME = /^\s+at .*?\(?(file:\/\/[^\s)]+|\/[^\s):]+):(\d+):(\d+)\)?$/gm
/** The folder of Millrace itself, whose frames say nothing to a user. */
const OWN_FOLDER = fileURLToPath(new URL('../../', import.meta.url))

/** The first frame of an error's stack that is the user's own code. */
export function userFrame(error: unknown): Place | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const [, where, line, column] of stack.matchAll(FRAME)) {
    const file = where!.startsWith('file:') ? fileURLToPath(where!.replace(/[?#].*$/, '')) : where!
    if (file.startsWith(OWN_FOLDER) || file.includes('/node_modules/')) continue
    return { file, line: Number(line), column: Number(column) }
  }
  return undefined
}

/** The place that Node writes above the stack of a syntax error: `file:line`, the line, and marks under the column. */
export function headPlace(error: unknown): (Place & { readonly length: number }) | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const head = /^(file:\/\/\S+|\/.+?):(\d+)\n/.exec(stack)
  if (head === null) return undefined
  const file = head[1]!.startsWith('file:') ? fileURLToPath(head[1]!) : head[1]!
  const marks = /\n( *)(\^+)/.exec(stack)
  const column = marks === null ? 1 : marks[1]!.length + 1
  return { file, line: Number(head[2]), column, length: marks === null ? 1 : marks[2]!.length }
}
