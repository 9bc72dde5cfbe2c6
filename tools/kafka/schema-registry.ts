/** A real schema registry (Apicurio, by the API of Confluent's) on a loopback port of its own choice, its schemas in memory. */
import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePorts } from './cluster.ts'
import { registryJars } from './jars.ts'

const readyWithinMs = 240_000

export interface TestRegistry {
  readonly url: string
  stop(): Promise<void>
}

/** Resolves when it answers. */
export async function startSchemaRegistry(): Promise<TestRegistry> {
  const jars = registryJars()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-registry-'))
  const [port] = await freePorts(1)
  const log = join(directory, 'registry.log')
  const output = openSync(log, 'a')
  const jar = join(jars, 'apicurio-registry-app-2.6.13.Final-runner.jar')
  const child = spawn('java', ['-Xmx384m', '-XX:TieredStopAtLevel=1', '-jar', jar], {
    cwd: directory,
    env: { ...process.env, QUARKUS_HTTP_HOST: '127.0.0.1', QUARKUS_HTTP_PORT: String(port) },
    stdio: ['ignore', output, output],
  })
  const gone = new Promise(resolve => child.once('exit', resolve))
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  const stop = async () => {
    child.kill('SIGKILL')
    await gone
    rmSync(directory, { recursive: true, force: true })
  }
  const began = performance.now()
  while (child.exitCode === null && performance.now() - began < readyWithinMs) {
    if (await answers(url)) return { url, stop }
    await wait(200)
  }
  const said = readFileSync(log, 'utf8').slice(-2000)
  await stop()
  throw new Error(`The schema registry does not answer at ${url}:\n${said}`)
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/subjects`)).ok
  } catch {
    return false
  }
}
