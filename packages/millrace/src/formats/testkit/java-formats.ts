import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const program = fileURLToPath(new URL('../../../../../tools/kafka/Formats.java', import.meta.url))

/** Runs commands of tools/kafka/Formats.java, each a list of its parts; gives a line for each. */
export async function javaFormats(...commands: readonly string[][]): Promise<string[]> {
  const classPath = join(process.env.MILLRACE_FORMAT_JARS!, '*')
  const args = ['-cp', classPath, program, ...commands.map(parts => parts.join('\t'))]
  const { stdout } = await promisify(execFile)('java', args, { maxBuffer: 1 << 24 })
  return stdout.trimEnd().split('\n')
}
