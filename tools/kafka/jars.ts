import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const pom = fileURLToPath(new URL('pom.xml', import.meta.url))
const javaMajorMin = 17

/** What a broker of our own lacks on this machine, as sentences; empty when it can be started. */
export function missingForKafka(): string[] {
  const missing: string[] = []
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' })
  const major = Number(/version "(\d+)/.exec(java.stderr ?? '')?.[1] ?? 0)
  if (major === 0) missing.push(`Java ${javaMajorMin} or newer is not on the path`)
  else if (major < javaMajorMin) missing.push(`Java ${major} is too old, ${javaMajorMin} is needed`)
  if (!hasJars() && spawnSync('mvn', ['-v']).status !== 0) missing.push('Maven (mvn) is not on the path')
  return missing
}

/** The folder with the broker's jars, fetched by Maven on the first use. */
export function kafkaJars(): string {
  return fetched(jarsDirectory(), ['-f', pom, 'dependency:copy-dependencies'])
}

/** The folder with Java's own Avro and Protobuf. */
export function formatJars(): string {
  const formats = fileURLToPath(new URL('formats-pom.xml', import.meta.url))
  return fetched(inCache('formats-1'), ['-f', formats, 'dependency:copy-dependencies'])
}

/** The folder of a schema registry as plain jars (142 MB): Apicurio, the newest that Java 17 runs. */
export function registryJars(): string {
  const version = '2.6.13.Final'
  const artifact = `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`
  return fetched(inCache(`apicurio-${version}`), ['dependency:unpack', `-Dartifact=${artifact}`])
}

/** A folder that Maven has filled, once. */
function fetched(directory: string, goal: readonly string[]): string {
  if (isWhole(directory)) return directory
  mkdirSync(directory, { recursive: true })
  // Without a project Maven keeps its marks in a folder of where it runs.
  const maven = spawnSync('mvn', ['-q', '-B', ...goal, `-DoutputDirectory=${directory}`], {
    cwd: directory,
    encoding: 'utf8',
  })
  if (maven.status !== 0) throw new Error(`Maven did not fetch ${directory}:\n${maven.stdout}${maven.stderr}`)
  writeFileSync(join(directory, '.complete'), '')
  return directory
}

function hasJars(): boolean {
  return isWhole(jarsDirectory())
}

function isWhole(directory: string): boolean {
  return existsSync(join(directory, '.complete'))
}

/** One per content of the pom, so that what was fetched for another one is not taken for it. */
function jarsDirectory(): string {
  const hash = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 8)
  return inCache(`kafka-${hash}`)
}

function inCache(name: string): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'millrace', name)
}
