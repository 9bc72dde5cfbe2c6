import assert from 'node:assert/strict'
import type { Topic } from '../plan/topic.ts'
import type { SendOptions } from '../runtime/app.ts'
import type { PipelineLike } from '../runtime/pipeline-source.ts'
import { json } from '../serde/json.ts'
import { pipeline, type SourceOptions } from '../stream/pipeline.ts'
import type { SourceStream, Stream } from '../stream/stream.ts'
import { topic } from '../stream/topic.ts'
import { type TestDriver, testDriver } from './driver.ts'

/** A part of a pipeline as `apply` takes it, from the records of a source on. */
export type OperatorFragment<V, R> = (stream: SourceStream<V, string | null>) => Stream<R, any>

/** What goes into an operator and what has to come out by the end of the input. */
export interface OperatorCheck<V, R> {
  readonly input: readonly V[]
  /** The values of all results, tombstones left out. */
  readonly expected: readonly R[]
  /** Key, time and so on of each record; by default what the input topic says. */
  readonly each?: (value: V, index: number) => SendOptions<any>
  /** Results must come in the order of `expected`; by default in any. */
  readonly ordered?: boolean
  /** How a fragment's source is read. */
  readonly source?: SourceOptions
  /** Of a pipeline with several sources or sinks: those that are meant; inputs may differ from value to value. */
  readonly inputTopic?: Topic | ((value: V, index: number) => Topic)
  readonly outputTopic?: Topic
}

type TopicOf = (value: unknown, index: number) => Topic

interface Way {
  readonly name: string
  readonly commits?: 'manual'
  feed(driver: TestDriver, topicOf: TopicOf, check: OperatorCheck<any, any>, rounds: number): Promise<void>
}

/** Every way feeds the whole input and ends it, so that the results must be the same. */
const ways: readonly Way[] = [
  {
    name: 'record by record',
    async feed(driver, topicOf, check) {
      for (const [i, value] of check.input.entries())
        await driver.input(topicOf(value, i)).send(value, check.each?.(value, i))
      await driver.finish()
    },
  },
  {
    name: 'in bulk',
    async feed(driver, topicOf, { input: values, each = () => ({}) }) {
      for (let from = 0, to = 0; from < values.length; from = to) {
        const topic = topicOf(values[from], from)
        while (to < values.length && topicOf(values[to], to) === topic) to++
        await driver.input(topic).sendAll(values.slice(from, to), (value, i) => each(value, from + i))
      }
      await driver.finish()
    },
  },
  {
    name: 'with a crash after every record',
    async feed(driver, topicOf, check) {
      for (const [i, value] of check.input.entries()) {
        await driver.input(topicOf(value, i)).send(value, check.each?.(value, i))
        await driver.crash()
      }
      await driver.finish()
      await driver.crash()
    },
  },
  {
    name: 'with a crash before every commit',
    commits: 'manual',
    async feed(driver, topicOf, check, rounds) {
      const settle = async () => {
        for (let i = 0; i < rounds; i++) {
          await driver.crash()
          await driver.commit()
        }
      }
      for (const [i, value] of check.input.entries()) {
        await driver.input(topicOf(value, i)).send(value, check.each?.(value, i))
        await settle()
      }
      await driver.finish()
      await settle()
    },
  },
]

/**
 * Runs a pipeline or a part of one over an input in every way that must not matter: record by record, in bulk,
 * with a crash and restore after every record and before every commit; each compiled and interpreted. Throws an
 * `AssertionError` that names the way whose results are not the expected ones.
 *
 * @example
 * await verifyOperator(stream => stream.filter(v => v.ms > 0), { input: [{ ms: 0 }, { ms: 1 }], expected: [{ ms: 1 }] })
 */
export async function verifyOperator<V, R>(
  operator: OperatorFragment<V, R> | PipelineLike,
  check: OperatorCheck<V, R>,
): Promise<void> {
  const tested = typeof operator === 'function' ? pipelineOf(operator, check.source) : operator
  const input = check.inputTopic ?? onlyTopic(tested, 'source', 'inputTopic')
  const topicOf = (typeof input === 'function' ? input : () => input) as TopicOf
  const output = check.outputTopic ?? onlyTopic(tested, 'to', 'outputTopic')
  // Each re-keying hands on what the commit before it made visible.
  const rounds = 1 + tested.graph.nodes.filter(({ kind }) => kind === 'keyBy').length
  for (const mode of ['compiled', 'interpreted'] as const) {
    for (const { name, commits, feed } of ways) {
      await using driver = await testDriver([tested], { mode, commits })
      await feed(driver, topicOf, check, rounds)
      compare(await driver.output(output).values(), check, `${mode}, ${name}`)
    }
  }
}

function pipelineOf(fragment: OperatorFragment<any, any>, source?: SourceOptions): PipelineLike {
  const input = topic('operator-input', { value: json<any>() })
  const output = topic('operator-output', { value: json<any>() })
  return pipeline('operator', p => {
    fragment(p.from(input, source)).to(output)
  })
}

function onlyTopic({ name, graph }: PipelineLike, kind: 'source' | 'to', option: string): Topic {
  const topics = new Map(
    graph.nodes.flatMap(node => (node.kind === kind ? [[node.topic.name, node.topic] as const] : [])),
  )
  if (topics.size === 1) return [...topics.values()][0]!
  const what = kind === 'source' ? 'sources' : 'sinks'
  throw new TypeError(`Pipeline "${name}" has ${topics.size} ${what}; say which is meant by ${option}`)
}

function compare(
  values: readonly unknown[],
  { expected, ordered }: OperatorCheck<any, any>,
  way: string,
): void {
  const inOrder = (list: readonly unknown[]) => (ordered ? list : [...list].sort(byText))
  try {
    assert.deepEqual(inOrder(values), inOrder(expected))
  } catch (error) {
    if (error instanceof assert.AssertionError) error.message = `${way}: ${error.message}`
    throw error
  }
}

function byText(a: unknown, b: unknown): number {
  const [left, right] = [sortText(a), sortText(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

/** Equal values give equal texts, whatever the order of their members. */
function sortText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : typeof member === 'bigint'
        ? `${member}n`
        : member,
  )
}
