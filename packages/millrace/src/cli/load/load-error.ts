import { basename, relative } from 'node:path'
import { PlanError } from '../../plan/plan-error.ts'
import { CliError } from '../cli-error.ts'
import { messageOf } from '../terminal.ts'
import { missingExport } from './missing-export.ts'
import { missingModule } from './missing-module.ts'
import { excerptAt, lineOf, type Place } from './source-text.ts'
import { headPlace, userFrame } from './stack-place.ts'
import { findSyntaxError } from './syntax-place.ts'
import { erasableWayOut } from './typescript-syntax.ts'

/** What is wrong with a module, before its place is put in relation to the current directory. */
export interface LoadProblem {
  readonly message: string
  readonly place: Place
  /** How much of the line is marked. */
  readonly length?: number
  readonly wayOut: string
}

/** Why the import of `file` failed, with file and line and the one change to make; `cwd` shortens the paths. */
export function explainLoadError(error: unknown, file: string, cwd: string): CliError {
  const { message, place, length, wayOut } = problemOf(error, file)
  return new CliError(message, {
    place: placeText(place, cwd),
    excerpt: excerptAt(place, length),
    wayOut,
    cause: error,
  })
}

/** `file:line:column`, the file relative to `cwd` where it lies below it. */
export function placeText({ file, line, column }: Place, cwd: string): string {
  const short = relative(cwd, file)
  const shown = short === '' || short.startsWith('..') ? file : short
  return [shown, line, line === undefined ? undefined : column].filter(part => part !== undefined).join(':')
}

function problemOf(error: unknown, file: string): LoadProblem {
  const code = (error as { code?: unknown } | null)?.code
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' || code === 'ERR_INVALID_TYPESCRIPT_SYNTAX')
    return typeScriptProblem(error as Error, file, code === 'ERR_INVALID_TYPESCRIPT_SYNTAX')
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_UNSUPPORTED_DIR_IMPORT')
    return missingModule(error as Error, file)
  if (error instanceof SyntaxError) return syntaxProblem(error, file)
  if (error instanceof PlanError) return planProblem(error, file)
  return thrownProblem(error, file)
}

function typeScriptProblem(error: Error, file: string, isInvalid: boolean): LoadProblem {
  const head = headPlace(error) ?? { file, length: 1 }
  if (isInvalid) return syntaxErrorAt(head, error.message, head.length)
  const line = head.line === undefined ? '' : lineOf(head.file, head.line)
  return {
    message: `${error.message.replace(/ is not supported in (?:strip-only|type strip) mode.*$/, '')} cannot run: Node takes types away and nothing more`,
    place: head,
    // A long construct is marked at its head alone.
    length: Math.min(head.length, Math.max(1, line.length - (head.column ?? 1) + 1)),
    wayOut: erasableWayOut(error.message, line),
  }
}

function syntaxProblem(error: SyntaxError, file: string): LoadProblem {
  const head = headPlace(error)
  if (/Cannot use import statement outside a module|Unexpected token 'export'/.test(error.message))
    return commonJsProblem(head ?? { file })
  const missing = missingExport(error, head ?? { file })
  if (missing !== undefined) return missing
  const found = findSyntaxError(file)
  if (found === undefined) return syntaxErrorAt(head ?? { file }, error.message)
  const isDecorator = found.line !== undefined && lineOf(found.file, found.line)[found.column! - 1] === '@'
  if (!isDecorator) return syntaxErrorAt(found, error.message)
  return {
    message: 'Decorators cannot run: Node takes types away and nothing more',
    place: found,
    wayOut: 'call the function on the class instead of decorating it',
  }
}

function syntaxErrorAt(place: Place, message: string, length?: number): LoadProblem {
  const wayOut = `mend the syntax ${place.line === undefined ? 'there' : `in line ${place.line}`}; an editor or tsc shows the same place`
  return { message: `Syntax error: ${message}`, place, length, wayOut }
}

function commonJsProblem(place: Place): LoadProblem {
  return {
    message: `${basename(place.file)} is taken for CommonJS, because its package.json says "type": "commonjs" (or its name ends in .cts)`,
    place,
    wayOut: 'set "type": "module" in package.json, or rename the file to end in .mts',
  }
}

/** The message of a PlanError ends with its way out. */
function planProblem(error: PlanError, file: string): LoadProblem {
  const problem = error.message.endsWith(`; ${error.wayOut}`)
    ? error.message.slice(0, -error.wayOut.length - 2)
    : error.message
  return {
    message: `This cannot run as it is written: ${problem}`,
    place: userFrame(error) ?? { file },
    wayOut: error.wayOut,
  }
}

function thrownProblem(error: unknown, file: string): LoadProblem {
  const place = userFrame(error) ?? { file }
  const missing = /^(require|module|exports|__dirname|__filename) is not defined/.exec(
    (error as Error | null)?.message ?? '',
  )
  if (error instanceof ReferenceError && missing !== null)
    return {
      message: error.message.replace(/, you can use import instead.*$/, ''),
      place,
      wayOut: moduleWayOut(missing[1]!),
    }
  return {
    message: `${basename(file)} failed while it was loaded: ${messageOf(error)}`,
    place,
    wayOut: 'mend what the line does; a pipeline file runs once when it is loaded',
  }
}

function moduleWayOut(name: string): string {
  switch (name) {
    case 'require':
      return "import … from '…' instead of require('…')"
    case '__dirname':
      return 'import.meta.dirname instead of __dirname'
    case '__filename':
      return 'import.meta.filename instead of __filename'
    default:
      return `export default … instead of ${name === 'module' ? 'module.exports' : 'exports'} = …`
  }
}
