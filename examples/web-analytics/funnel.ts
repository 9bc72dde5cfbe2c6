import { isDownload, isReading } from './site.ts'

type Step = (page: string, before: string | undefined) => boolean

/** Where visits may lead; each step counts only behind the one before it. */
const STEPS: readonly Step[] = [
  page => isReading(page),
  (page, before) => isReading(page) && page !== before,
  page => isDownload(page),
]

/** How many steps a visit took: 1 read a page, 2 read another one, 3 then downloaded a file. */
export function stepsReached(path: readonly string[]): number {
  let reached = 0
  let before: string | undefined
  for (const page of path) {
    if (STEPS[reached]?.(page, before) !== true) continue
    before = page
    reached++
  }
  return reached
}
