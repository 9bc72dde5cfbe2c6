import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunTestsOptions, runTests, type TestRun } from './run-tests.ts'

/** The files that take longest, so that none of them begins when all others have ended; the slowest first. */
export const slowFiles = [
  'packages/millrace/src/log/embedded/conformance.test.ts',
  'packages/millrace/src/cli/process.test.ts',
  'packages/millrace/src/runtime/rolling-restart.test.ts',
  'packages/millrace/src/runtime/processes.test.ts',
  'examples/web-analytics/analyse.test.ts',
  'packages/millrace/src/runtime/thread-replacement.test.ts',
  'packages/millrace/src/log/embedded/retention.test.ts',
  'packages/millrace/src/engine/differential.test.ts',
  'packages/millrace/src/testing/joins/foreign.test.ts',
  'packages/millrace/src/runtime/alignment.test.ts',
  'packages/millrace/src/runtime/faults.test.ts',
]

/** Each process loads most of the sources, and warms up for itself, so that few with many files take less. */
const filesMin = 20

/** The parts in the order in which to start them: the slow files dealt out, then parts that get smaller towards the end. */
export function partsOf(files: readonly string[], processes: number): string[][] {
  const slow = slowFiles.filter(file => files.includes(file))
  const dealt = Array.from({ length: processes }, (_, nth) => slow.filter((_, at) => at % processes === nth))
  const parts = dealt.filter(part => part.length > 0)
  const others = files.filter(file => !slow.includes(file))
  while (others.length > 0) {
    parts.push(others.splice(0, Math.max(filesMin, Math.ceil(others.length / processes / 2))))
  }
  return parts
}

export interface RunInPartsOptions extends RunTestsOptions {
  /** How many at once. Default two: many tests start threads and processes of their own, which need cores, too. */
  readonly processes?: number
}

/** Runs the files in several processes at a time and gives the counts of all. Never rejects for a failing test. */
export async function runTestsInParts(options: RunInPartsOptions): Promise<TestRun> {
  const processes = options.processes ?? Math.min(2, availableParallelism())
  const waiting = partsOf(options.files, processes)
  const deadline = performance.now() + options.timeoutMs
  const runs: TestRun[] = []
  const compiled = mkdtempSync(join(tmpdir(), 'millrace-compiled-'))
  const oneAfterTheOther = async () => {
    for (let files = waiting.shift(); files !== undefined; files = waiting.shift()) {
      const timeoutMs = Math.max(1, Math.round(deadline - performance.now()))
      const run = await runTests({
        ...options,
        files,
        timeoutMs,
        env: { NODE_COMPILE_CACHE: compiled, ...options.env },
      })
      runs.push(run.ended === undefined ? run : { ...run, ended: `with ${nameOf(files)} ${run.ended}` })
    }
  }
  try {
    await Promise.all(Array.from({ length: processes }, oneAfterTheOther))
  } finally {
    rmSync(compiled, { recursive: true, force: true })
  }
  return together(runs)
}

function nameOf(files: readonly string[]): string {
  return files.length > 3 ? `${files[0]} to ${files.at(-1)}` : files.join(', ')
}

function together(runs: readonly TestRun[]): TestRun {
  const sum = (of: (run: TestRun) => number) => runs.reduce((total, run) => total + of(run), 0)
  const ended = runs.flatMap(run => run.ended ?? [])
  return {
    passed: sum(run => run.passed),
    failed: sum(run => run.failed),
    skipped: sum(run => run.skipped),
    failures: runs.flatMap(run => run.failures),
    ...(ended.length > 0 && { ended: ended.join('; the one ') }),
  }
}
