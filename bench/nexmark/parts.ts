import { globSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A file of a folder; with the last one the folder is whole. */
export interface Part {
  readonly folder: string
  readonly n: number
  readonly lines: readonly string[]
  readonly isLast: boolean
}

const marker = '_SUCCESS'

/** Writes the part's file anew, and behind the last one the mark that its folder is whole. */
export async function writePart(root: string, { folder, n, lines, isLast }: Part): Promise<void> {
  const directory = join(root, folder)
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, `part-${n}.csv`), lines.map(line => `${line}\n`).join(''))
  if (isLast) await writeFile(join(directory, marker), '')
}

/** The lines of all folders that are whole. */
export function* linesIn(root: string): Generator<{ readonly folder: string; readonly line: string }> {
  for (const mark of globSync(`**/${marker}`, { cwd: root })) {
    const folder = dirname(mark)
    for (const file of globSync('part-*.csv', { cwd: join(root, folder) })) {
      const lines = readFileSync(join(root, folder, file), 'utf8')
        .split('\n')
        .slice(0, -1)
      for (const line of lines) yield { folder, line }
    }
  }
}
