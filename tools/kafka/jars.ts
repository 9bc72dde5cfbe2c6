import { spawnSync } from 'node:child_process'
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
  const directory = jarsDirectory()
  if (hasJars()) return directory
  mkdirSync(directory, { recursive: true })
  const goal = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${directory}`]
  const maven = spawnSync('mvn', goal, { encoding: 'utf8' })
  if (maven.status !== 0) throw new Error(`Maven did not fetch the broker:\n${maven.stdout}${maven.stderr}`)
  writeFileSync(join(directory, '.complete'), '')
  return directory
}

function hasJars(): boolean {
  return existsSync(join(jarsDirectory(), '.complete'))
}

function jarsDirectory(): string {
  const version = /<artifactId>kafka_[^<]*<\/artifactId>\s*<version>([^<]+)/.exec(
    readFileSync(pom, 'utf8'),
  )![1]
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'millrace', `kafka-${version}`)
}
