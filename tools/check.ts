/** The part of `npm run check` that the compiler and the linter do not do: direction of imports, unused code, length of files. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { layeringProblems, readLayering } from './layering.ts'
import { repositoryRoot } from './run-tests.ts'
import { readSourceFiles, type SourceFile } from './source-files.ts'
import { dependencyProblems, entryPoints, unusedExports, unusedFiles } from './unused.ts'

const lineLimit = 400

const files = readSourceFiles()
const entries = entryPoints(files)
const problems = [
  ...layeringProblems(
    readLayering(readFileSync(join(repositoryRoot, 'docs/ARCHITECTURE.md'), 'utf8')),
    files,
  ),
  ...unusedFiles(files, entries),
  ...unusedExports(files, entries),
  ...dependencyProblems(files, entries),
  ...lengthProblems(files),
]
for (const problem of problems) console.log(problem)
console.log(`${files.size} files, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

/** A ratchet: the files in long-files.json may shrink and never grow, and no other file may join them. */
function lengthProblems(sources: ReadonlyMap<string, SourceFile>): string[] {
  const allowed: Record<string, number> = JSON.parse(
    readFileSync(new URL('long-files.json', import.meta.url), 'utf8'),
  )
  const tooLong = [...sources.values()]
    .filter(file => file.lines > Math.max(lineLimit, allowed[file.path] ?? 0))
    .map(
      file =>
        `${file.path}: ${file.lines} lines, at most ${Math.max(lineLimit, allowed[file.path] ?? 0)}: two jobs?`,
    )
  const slack = Object.entries(allowed)
    .filter(([path, lines]) => (sources.get(path)?.lines ?? 0) < lines)
    .map(([path]) => `tools/long-files.json: ${path} is shorter now, lower its figure or take it out`)
  return [...tooLong, ...slack]
}
