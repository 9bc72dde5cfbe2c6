/** Reporter of `npm test`: says nothing of what passes, shows what fails with file and line, hands the counts to the parent process. */
import { flushCompileCache } from 'node:module'
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'
import { type FailedTest, repositoryRoot, type TestProgress } from './run-tests.ts'

type TestEnd = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>['data']

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failures: FailedTest[] = []
  const titles: string[] = []
  let passed = 0
  let skipped = 0
  let pending = 0
  let isFlushed = false
  for await (const event of events) {
    if (!isFlushed) {
      isFlushed = true
      // Every source is loaded by now; what the tests start finds it compiled.
      flushCompileCache()
    }
    if (event.type === 'test:enqueue') pending++
    else if (event.type === 'test:complete') pending--
    else if (event.type === 'test:start') {
      titles[event.data.nesting] = event.data.name
    } else if (event.type === 'test:pass') {
      if (event.data.skip !== undefined || event.data.todo !== undefined) skipped++
      else if (event.data.details.type !== 'suite' && !standsForItsFile(event.data)) passed++
    } else if (event.type === 'test:fail' && !failedThroughItsSubtests(event.data)) {
      const title = [...titles.slice(0, event.data.nesting), event.data.name].join(' › ')
      const failure = { title, place: placeOf(event.data), message: messageOf(event.data) }
      failures.push(failure)
      yield `\n✖ ${failure.title}\n  ${failure.place}\n${indent(failure.message)}\n`
    }
    if (event.type === 'test:diagnostic' && /^(Error|Warning): /.test(event.data.message))
      yield `\n✖ ${event.data.message}\n`
    if (event.type === 'test:pass' || event.type === 'test:fail' || event.type === 'test:summary') {
      const progress: TestProgress = { passed, failed: failures.length, skipped, failures, pending }
      process.send?.(progress)
    }
  }
}

function failedThroughItsSubtests(end: TestEnd): boolean {
  return (errorOf(end) as { failureType?: string } | undefined)?.failureType === 'subtestsFailed'
}

function errorOf(end: TestEnd): Error | undefined {
  return 'error' in end.details ? end.details.error : undefined
}

/** Node reports a file without tests as one test that has the file's name. */
function standsForItsFile(end: TestEnd): boolean {
  return end.name.endsWith('.test.ts') && (end.file ?? '').endsWith(end.name)
}

function placeOf(end: TestEnd): string {
  return `${relative(repositoryRoot, end.file ?? '')}:${end.line ?? 1}`
}

function messageOf(end: TestEnd): string {
  const error = errorOf(end)
  const cause = error?.cause ?? error
  if (!(cause instanceof Error)) return inspect(cause)
  return stackOf(cause).replaceAll(`file://${repositoryRoot}`, '').replaceAll(repositoryRoot, '')
}

/** With what caused it, which of a failed property is the assertion itself. */
function stackOf(error: Error): string {
  const stack = error.stack ?? error.message
  return error.cause instanceof Error ? `${stack}\nCaused by: ${stackOf(error.cause)}` : stack
}

function indent(text: string): string {
  return text
    .split('\n')
    .filter(line => !line.includes('node:internal/'))
    .map(line => `  ${line}`)
    .join('\n')
}
