import { readFile, rename, writeFile } from 'node:fs/promises'

/** What a run notes about itself: which log it replays, and whether its report was seen. */
export interface Marker {
  readonly fingerprint: string
  readonly isFinished: boolean
}

/** The marker at `path`, or undefined where there is none. */
export async function readMarker<M extends Marker>(path: string): Promise<M | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as M
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Replaces the marker at `path`; after a crash the old one or the new one is there. */
export async function writeMarker<M extends Marker>(path: string, marker: M): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(marker), { flush: true })
  await rename(`${path}.new`, path)
}
