import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const program = fileURLToPath(new URL('../../../../../../tools/kafka/Interop.java', import.meta.url))

/** Why Java's clients cannot be run here, or false. */
export const isWithoutJava: string | false = process.env.MILLRACE_KAFKA_JARS
  ? false
  : 'npm run test:kafka was given a running Kafka, or there are no jars'

/** Runs Java's own client; gives the lines it prints, each as its fields. */
export async function java(...args: string[]): Promise<string[][]> {
  const classPath = join(process.env.MILLRACE_KAFKA_JARS!, '*')
  const run = promisify(execFile)
  const { stdout } = await run('java', ['-cp', classPath, program, ...args], { maxBuffer: 1 << 26 })
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.split('\t'))
}
