import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = fileURLToPath(new URL('..', import.meta.url))

const testFilePatterns = [
  'packages/*/src/**/*.test.ts',
  'examples/**/*.test.ts',
  'bench/**/*.test.ts',
  'tools/**/*.test.ts',
]

const brokerTests = { kafka: '**/*.kafka.test.ts', faults: '**/*.faults.test.ts' }
/** Tests that need a real Kafka: on one that runs, or of what is killed and cut in it. */
export type BrokerTests = keyof typeof brokerTests

/** Every unit test file of the repository, sorted, relative to its root; those that need a Kafka are none. */
export function testFiles(): string[] {
  return globSync(testFilePatterns, {
    cwd: repositoryRoot,
    exclude: ['**/node_modules/**', ...Object.values(brokerTests)],
  }).sort()
}

/** Every test file of that kind, sorted, relative to the root. */
export function brokerTestFiles(kind: BrokerTests): string[] {
  return globSync([`packages/*/src/${brokerTests[kind]}`, `examples/${brokerTests[kind]}`], {
    cwd: repositoryRoot,
    exclude: ['**/node_modules/**'],
  }).sort()
}

export interface FailedTest {
  readonly title: string
  /** `file:line`, relative to the repository. */
  readonly place: string
  readonly message: string
}

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly failures: readonly FailedTest[]
}

/** What the reporter sends after each test; `pending` is how many known tests have not ended. */
export interface TestProgress extends TestCounts {
  readonly pending: number
}

export interface TestRun extends TestCounts {
  /** Set when the process did not end as a test run ends; it counts as one more failure. */
  readonly ended?: string
  /** What failed at first and passed when it was run again, by itself. */
  readonly mended?: readonly FailedTest[]
}

export interface RunTestsOptions {
  readonly files: readonly string[]
  /** Only tests whose full title (suite titles before it) matches. */
  readonly titlePattern?: string
  readonly env?: NodeJS.ProcessEnv
  /** Print failures while the run goes on. */
  readonly print: boolean
  /** Each test; beyond it the test has failed. Default two minutes. */
  readonly testTimeoutMs?: number
  /** The whole run; beyond it the process is killed. */
  readonly timeoutMs: number
}

/** What `test-process.ts` is told. */
export type TestProcessOptions = Pick<RunTestsOptions, 'files' | 'titlePattern'>

const testProcess = fileURLToPath(new URL('test-process.ts', import.meta.url))

/** Runs the files in one process of this Node and gives the counts. Never rejects for a failing test. */
export function runTests(options: RunTestsOptions): Promise<TestRun> {
  const { files, titlePattern, testTimeoutMs = 120_000 } = options
  const given: TestProcessOptions = { files, titlePattern }
  const args = [
    '--conditions=source',
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    `--test-timeout=${testTimeoutMs}`,
    testProcess,
    JSON.stringify(given),
  ]
  const output = options.print ? 'inherit' : 'ignore'
  // Processes and threads that tests start take the compiled sources from here instead of stripping types each time.
  const compiled = mkdtempSync(join(tmpdir(), 'millrace-compiled-'))
  const child = spawn(process.execPath, args, {
    cwd: repositoryRoot,
    env: { ...process.env, NODE_COMPILE_CACHE: compiled, ...options.env },
    stdio: ['ignore', output, output, 'ipc'],
  })
  let counts: TestCounts | undefined
  let ended: string | undefined
  const stop = (why: string) => {
    ended ??= why
    child.kill('SIGKILL')
  }
  const deadline = setTimeout(() => stop(`was killed after ${options.timeoutMs / 1000} s`), options.timeoutMs)
  let leftOpen: NodeJS.Timeout | undefined
  child.on('message', message => {
    const { pending, ...soFar } = message as TestProgress
    counts = soFar
    clearTimeout(leftOpen)
    if (pending === 0)
      leftOpen = setTimeout(
        () => stop('was alive 15 s after the last test, so one left something open: killed'),
        15_000,
      )
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(deadline)
      clearTimeout(leftOpen)
      rmSync(compiled, { recursive: true, force: true })
      resolve(settle(counts, ended, code, signal))
    })
  })
}

function settle(
  counts: TestCounts | undefined,
  ended: string | undefined,
  code: number | null,
  signal: string | null,
): TestRun {
  const run = counts ?? { passed: 0, failed: 0, skipped: 0, failures: [] }
  const exit = signal ? `signal ${signal}` : `exit code ${code}`
  const unexplained = run.failed === 0 && (code !== 0 || signal !== null)
  const why =
    ended ?? (!counts ? `ended early, with ${exit}` : unexplained ? `ended with ${exit}` : undefined)
  return why ? { ...run, failed: run.failed + 1, ended: why } : run
}

/** More failing files than this are no accident of a loaded machine. */
const againFilesMax = 3

/**
 * Runs the files, and those with failures once more by themselves where they are few. A test that passes then is
 * counted as passed and named in `mended`: on a shared machine a process can stand still for seconds.
 */
export async function runTestsTwice(options: RunTestsOptions, runFirst = runTests): Promise<TestRun> {
  const first = await runFirst(options)
  const files = [...new Set(first.failures.map(({ place }) => place.replace(/:\d+$/, '')))]
  const isFew = files.length > 0 && files.length <= againFilesMax && options.files.length > files.length
  if (!isFew || first.ended !== undefined) return first
  console.log(`\nOnce more, by themselves: ${files.join(', ')}`)
  const second = await runTests({ ...options, files })
  if (second.ended !== undefined) return first
  const mended = first.failures.filter(each => !second.failures.some(({ title }) => title === each.title))
  return {
    passed: first.passed + first.failures.length - second.failures.length,
    failed: second.failures.length,
    skipped: first.skipped,
    failures: second.failures,
    mended,
  }
}
