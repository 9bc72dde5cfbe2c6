import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { LoadProblem } from './load-error.ts'
import { existingImport, fileOfImport, importsOf, placeIn, textOf } from './source-text.ts'

const IMPORTED = /^Cannot find module '(.+?)' imported from (.+)$/
const DIRECTORY = /^Directory import '(.+?)' is not supported resolving ES modules imported from (.+)$/
const PACKAGE = /^Cannot find package '(.+?)' imported from (.+)$/

/** An import that leads nowhere: an extension left out, a folder, a wrong name, or a package that is not installed. */
export function missingModule(error: Error, file: string): LoadProblem {
  const noPackage = PACKAGE.exec(error.message)
  if (noPackage !== null) return missingPackage(noPackage[1]!, noPackage[2]!)
  const match = IMPORTED.exec(error.message) ?? DIRECTORY.exec(error.message)
  if (match === null) return { message: error.message, place: { file }, wayOut: 'check the path' }
  const [, target, importer] = match as unknown as [string, string, string]
  const text = textOf(importer)
  const found = importsOf(text).find(({ specifier }) => fileOfImport(importer, specifier) === target)
  if (found === undefined) return missingFile(target, importer)
  const { specifier, at } = found
  const existing = existingImport(importer, specifier)
  const what = DIRECTORY.test(error.message) ? 'is a folder' : 'is not there'
  return {
    message:
      existing === undefined
        ? `The file '${specifier}' is not there`
        : `The import '${specifier}' ${what}: imports name the whole file`,
    place: placeIn(importer, text, at),
    length: specifier.length,
    wayOut: existing === undefined ? namesBeside(target) : `'${existing}' instead of '${specifier}'`,
  }
}

function missingFile(target: string, importer: string): LoadProblem {
  return { message: `There is no file ${target}`, place: { file: importer }, wayOut: namesBeside(target) }
}

/** The files of the folder, where there are few enough to read. */
function namesBeside(target: string): string {
  const folder = dirname(target)
  if (!existsSync(folder)) return `check the path: there is no folder ${folder}`
  const names = readdirSync(folder).filter(name => /\.[cm]?[jt]s$/.test(name))
  const near = names.filter(name => name.slice(0, 3) === basename(target).slice(0, 3))
  const shown = near.length > 0 ? near : names
  return shown.length === 0
    ? `check the path: ${folder} has no source files`
    : `check the name: there is ${shown.slice(0, 5).join(', ')}`
}

function missingPackage(name: string, importer: string): LoadProblem {
  const text = textOf(importer)
  const found = importsOf(text).find(
    ({ specifier }) => specifier === name || specifier.startsWith(`${name}/`),
  )
  return {
    message: `The package '${name}' is not installed`,
    place: found === undefined ? { file: importer } : placeIn(importer, text, found.at),
    length: found?.specifier.length,
    wayOut: `npm install ${name}`,
  }
}
