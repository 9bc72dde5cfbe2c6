import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const programs = new URL('../../../../../../tools/kafka/', import.meta.url)

/** Why Java's clients cannot be run here, or false. */
export const isWithoutJava: string | false = process.env.MILLRACE_KAFKA_JARS
  ? false
  : 'npm run test:kafka was given a running Kafka, or there are no jars'

/** Runs Java's own client; gives the lines it prints, each as its fields. */
export function java(...args: string[]): Promise<string[][]> {
  return runJava(program('Interop'), args)
}

/** Runs a small Kafka Streams program; gives the lines it prints, each as its fields. */
export function kafkaStreams(...args: string[]): Promise<string[][]> {
  return runJava(program('Streams'), args)
}

const TOOLS = 'org.apache.kafka.tools'

/** The tools that come with Kafka, as their scripts call them. */
const kafkaTools = {
  acls: `${TOOLS}.AclCommand`,
  consoleProducer: `${TOOLS}.ConsoleProducer`,
  consoleConsumer: `${TOOLS}.consumer.ConsoleConsumer`,
  groups: `${TOOLS}.consumer.group.ConsumerGroupCommand`,
  transactions: `${TOOLS}.TransactionsCommand`,
} as const

/** Runs a tool of Kafka's own; gives the lines it prints, each as the fields between tabs. */
export function kafkaTool(
  tool: keyof typeof kafkaTools,
  args: readonly string[],
  input = '',
): Promise<string[][]> {
  return runJava(kafkaTools[tool], args, input)
}

function program(name: string): string {
  return fileURLToPath(new URL(`${name}.java`, programs))
}

/** These programs live for seconds: what makes long ones fast costs them more than it gives. */
const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

async function runJava(main: string, args: readonly string[], input = ''): Promise<string[][]> {
  const classPath = join(process.env.MILLRACE_KAFKA_JARS!, '*')
  const child = spawn('java', [...quickStart, '-Xmx256m', '-cp', classPath, main, ...args])
  child.stdin.on('error', () => {}).end(input)
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code !== 0) throw new Error(`${main} ended with ${code}:\n${out}${err}`)
  return out
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.split('\t'))
}
