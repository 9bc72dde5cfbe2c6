import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Log } from '../../../packages/millrace/src/log/log.ts'
import { onCore } from '../../../tools/kafka/on-core.ts'
import { partitions } from '../data/bids.ts'
import type { Peer } from './cases.ts'
import { type Measured, measuredFrom, type Sample } from './meter.ts'
import { cpuSecondsOf, peakRssOf } from './process-cpu.ts'
import type { Job } from './run-case.ts'
import { measuredCore } from './spawn.ts'

const sampleEveryMs = 100
/** Whoever has committed all of its input and written nothing for so long is done. */
const quietMs = 5_000
const timeoutMs = 5 * 60_000

const sources = fileURLToPath(new URL('../../peers', import.meta.url))
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'millrace')

/** Fetches what a system runs on and compiles its program, unless that was done before. Throws what Maven, javac or pip say. */
export function preparePeer(peer: Peer): void {
  const directory = folderOf(peer)
  const stamp = join(directory, '.complete')
  const source = readFileSync(join(sources, peer, peer === 'quix' ? 'requirements.txt' : 'Peer.java'), 'utf8')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === source) return
  mkdirSync(directory, { recursive: true })
  if (peer === 'quix') {
    run('python3', ['-m', 'venv', directory])
    run(join(directory, 'bin/pip'), ['install', '-q', '-r', join(sources, peer, 'requirements.txt')])
  } else {
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(directory, 'lib')}`]
    run('mvn', ['-q', '-B', '-f', join(sources, peer, 'pom.xml'), ...goal])
    const classes = join(directory, 'classes')
    run('javac', ['-cp', join(directory, 'lib/*'), '-d', classes, join(sources, peer, 'Peer.java')])
  }
  writeFileSync(stamp, source)
}

function folderOf(peer: Peer): string {
  return join(cache, `peer-${peer}`)
}

function run(command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, { encoding: 'utf8' })
  if (done.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')} failed: ${done.error?.message ?? done.stdout + done.stderr}`,
    )
}

/**
 * Runs another system's program on the measured core to the end of its input. How far it has come is seen from the positions that its
 * group commits, looked at ten times a second.
 */
export async function runPeer(peer: Peer, job: Job, log: Log): Promise<Measured> {
  const [command, ...args] = onCore(measuredCore, lineOf(peer, job))
  const output = join(folderOf(peer), 'output.log')
  const child = spawn(command!, args, { stdio: ['ignore', openSync(output, 'w'), openSync(output, 'a')] })
  const watching = new Watching(job, log, child.pid!)
  const deadline = performance.now() + timeoutMs
  try {
    while (child.exitCode === null && child.signalCode === null && !(await watching.isDone())) {
      if (performance.now() > deadline) throw new Error(`${peer} did not come to the end of its input`)
      await wait(sampleEveryMs)
    }
    if (child.exitCode !== null && child.exitCode !== 0)
      throw new Error(`${peer} ended with ${child.exitCode}:\n${readFileSync(output, 'utf8').slice(-3000)}`)
    await watching.look()
  } finally {
    child.kill('SIGKILL')
  }
  return { ...measuredFrom(watching.samples, job.records), peakRssBytes: watching.peakRssBytes }
}

function lineOf(peer: Peer, { case: each, brokers, app, input, output, directory }: Job): string[] {
  const { workload, guarantee, commitMs } = each
  const args = [workload, brokers.join(), app, input, output, guarantee, `${commitMs}`, directory]
  const home = folderOf(peer)
  if (peer === 'quix') return [join(home, 'bin/python'), join(sources, peer, 'peer.py'), ...args]
  const opened = ['java.base/java.util', 'java.base/java.lang'].map(name => `--add-opens=${name}=ALL-UNNAMED`)
  // With one core the JVM would pick the serial collector.
  const machine = ['-Xmx2g', '-XX:+UseParallelGC', '-XX:ActiveProcessorCount=1', ...opened]
  return ['java', ...machine, '-cp', `${join(home, 'classes')}:${join(home, 'lib/*')}`, 'Peer', ...args]
}

class Watching {
  readonly samples: Sample[] = []
  peakRssBytes = 0
  readonly #job: Job
  readonly #log: Log
  readonly #pid: number
  #written = -1
  #quietSince = performance.now()

  constructor(job: Job, log: Log, pid: number) {
    this.#job = job
    this.#log = log
    this.#pid = pid
  }

  /** All of the input is committed, and nothing has been written for a while. */
  async isDone(): Promise<boolean> {
    await this.look()
    if ((this.samples.at(-1)?.records ?? 0) < this.#job.records) return false
    const written = (await this.#log.offsets(this.#job.output)).reduce((sum, { latest }) => sum + latest, 0)
    if (written !== this.#written) this.#quietSince = performance.now()
    this.#written = written
    return performance.now() - this.#quietSince > quietMs
  }

  /** Takes a sample where the group has committed more than before. */
  async look(): Promise<void> {
    const { app, input, brokerPid } = this.#job
    const asked = Array.from({ length: partitions }, (_, partition) => ({ topic: input, partition }))
    const records = (await this.#log.committed(app, asked)).reduce((sum, { offset }) => sum + offset, 0)
    const cpuSeconds = cpuSecondsOf(this.#pid)
    this.peakRssBytes = Math.max(this.peakRssBytes, peakRssOf(this.#pid) || 0)
    if (Number.isNaN(cpuSeconds) || records <= (this.samples.at(-1)?.records ?? -1)) return
    const brokerCpuSeconds = cpuSecondsOf(brokerPid)
    this.samples.push({ records, cpuSeconds, brokerCpuSeconds, wallSeconds: performance.now() / 1e3 })
  }
}
