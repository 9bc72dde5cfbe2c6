import type { LoadProblem } from './load-error.ts'
import { fileOfImport, lineOf, type Place, textOf } from './source-text.ts'

const NOT_EXPORTED = /The requested module '(.+?)' does not provide an export named '(.+?)'/
const COMMON_JS = /Named export '(.+?)' not found\. The requested module '(.+?)' is a CommonJS module/

/** An import of a name that the module does not have when it runs: a type, a misspelt name, or a CommonJS package's. */
export function missingExport(error: SyntaxError, place: Place): LoadProblem | undefined {
  const commonJs = COMMON_JS.exec(error.message)
  if (commonJs !== null) {
    const [, name, module] = commonJs as unknown as [string, string, string]
    const wayOut = `import all from '${module}', then const { ${name} } = all`
    return { message: `'${module}' is a CommonJS package and does not offer ${name} by name`, place, wayOut }
  }
  const match = NOT_EXPORTED.exec(error.message)
  if (match === null) return undefined
  const [, module, name] = match as unknown as [string, string, string]
  const line = place.line === undefined ? '' : lineOf(place.file, place.line)
  const file = fileOfImport(place.file, module)
  const text = file === undefined ? undefined : textOf(file)
  const isType = text === undefined ? /^[A-Z]/.test(name) : declaresType(text, name)
  const at = { place, length: name.length }
  if (name === 'default')
    return { ...at, message: `'${module}' has no default export`, wayOut: `import { … } from '${module}'` }
  if (isType)
    return {
      ...at,
      message: `${name} is a type, and types are not there when the program runs`,
      wayOut: typeImport(line, name, module),
    }
  const offered = text === undefined ? [] : valuesOf(text)
  const wayOut =
    offered.length === 0
      ? `check the name in '${module}'`
      : `check the name: '${module}' exports ${offered.join(', ')}`
  return { ...at, message: `'${module}' does not export ${name}`, wayOut }
}

/** The user's own line with the one word put in. */
function typeImport(line: string, name: string, module: string): string {
  const changed = line.replace(new RegExp(`(?<![\\w$]|type\\s+)${name}(?![\\w$])`), `type ${name}`).trim()
  return /^import\b.*\bfrom\b/.test(changed) ? changed : `import { type ${name} } from '${module}'`
}

function declaresType(text: string, name: string): boolean {
  const declared = new RegExp(`\\b(?:type|interface)\\s+${name}\\b`)
  return declared.test(text) || new RegExp(`export\\s+type\\s*\\{[^}]*\\b${name}\\b`).test(text)
}

function valuesOf(text: string): string[] {
  const declared = text.matchAll(/export\s+(?:async\s+)?(?:const|let|var|function\*?|class)\s+(\w+)/g)
  return [...declared].map(match => match[1]!)
}
