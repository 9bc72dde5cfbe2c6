/** What `runTests` starts: runs test files in this process with Node's runner. Its only argument is `TestProcessOptions` as JSON. */
import hooks, { type HookCallbacks } from 'node:async_hooks'
import type { TestProcessOptions } from './run-tests.ts'
import report from './test-reporter.ts'

const { files, titlePattern }: TestProcessOptions = JSON.parse(process.argv[2]!)

// To know of which test an error is that nobody awaited, the runner follows every promise, which takes up to half of the
// time of a test. It makes its hook as it is loaded. The run still fails by such an error; what says where is below.
const { createHook } = hooks
hooks.createHook = (callbacks: HookCallbacks) => createHook({ ...callbacks, trackPromises: false })
const { run } = await import('node:test')
hooks.createHook = createHook

const tests = run({
  files: [...files],
  isolation: 'none',
  ...(titlePattern !== undefined && { testNamePatterns: new RegExp(titlePattern) }),
})

const running = new Set<string>()
tests.on('test:dequeue', ({ name }) => running.add(name))
tests.on('test:complete', ({ name }) => running.delete(name))
const say = (error: unknown) =>
  console.error('\n✖ Nobody caught an error while', [...running].join(' › '), 'ran:', error)
process.prependListener('unhandledRejection', say)
process.on('uncaughtExceptionMonitor', say)

tests.on('test:summary', ({ success }) => {
  if (!success) process.exitCode = 1
})
tests.compose(report).pipe(process.stdout)
