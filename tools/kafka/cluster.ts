/** A real Apache Kafka on loopback ports of its own choice, in a folder of its own, for as long as a test needs it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type BrokerPlan, javaOptions, QUICK_START, writeBrokerFiles } from './broker-files.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import { FaultProxy } from './fault-proxy.ts'
import { kafkaJars } from './jars.ts'
import { onCore } from './on-core.ts'
import { SECURED_LISTENERS, type SecuredListener } from './security.ts'

const readyWithinMs = 180_000
const closedWithinMs = 30_000

export interface TestCluster {
  /** `host:port` of each broker. */
  readonly brokers: readonly string[]
  /** Kills one broker as kill -9 does; resolves when it is gone. `id` counts from 1. */
  kill(id: number): Promise<void>
  /** Starts a broker again; resolves when it answers. */
  start(id: number): Promise<void>
  /** The process of a broker that runs. */
  pid(id: number): number
  /** Kills all and removes the data; data that is kept is closed properly instead. */
  stop(): Promise<void>
}

export interface ClusterOptions {
  /** A folder whose data outlives the cluster. Default: one of its own, removed at the end. */
  readonly directory?: string
  /** The one core that all brokers may use, where the system can be told so. */
  readonly core?: number
  /** Brokers that are killed again and again: up in half the time, and slower in the long run. */
  readonly isShortLived?: boolean
  /** Each partition is on one broker only, and without a leader when that is gone. */
  readonly isUnreplicated?: boolean
  /** Each broker stands in a rack of its own, `rack-1` and so on. */
  readonly hasRacks?: boolean
}

/** One broker that has secured listeners too, and checks rights: only users of the plain one may do everything. */
export interface SecuredCluster {
  /** The plain listener. */
  readonly brokers: readonly string[]
  readonly certificates: Certificates
  /** `host:port` of the others. */
  readonly listeners: Readonly<Record<SecuredListener, string>>
  stop(): Promise<void>
}

/** Starts a broker with every listener of `SECURED_LISTENERS`, or takes the one of MILLRACE_SECURED; needs openssl. */
export async function startSecuredCluster(): Promise<SecuredCluster> {
  const given = process.env.MILLRACE_SECURED
  if (given) return { ...(JSON.parse(given) as SecuredCluster), stop: async () => {} }
  const directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-'))
  const names = Object.keys(SECURED_LISTENERS) as SecuredListener[]
  const free = await freePorts(names.length + 2)
  const [port, controllerPort] = free.splice(0, 2) as [number, number]
  const ports = Object.fromEntries(names.map((name, i) => [name, free[i]!])) as Record<
    SecuredListener,
    number
  >
  const certificates = makeCertificates(join(directory, 'certificates'))
  const plan = { id: 1, port, controllerPort, secured: { ports, certificates } }
  const { brokers, stop } = await runCluster(directory, [plan])
  const listeners = Object.fromEntries(names.map(name => [name, `127.0.0.1:${ports[name]}`]))
  return { brokers, certificates, listeners: listeners as SecuredCluster['listeners'], stop }
}

/** Starts a cluster of `count` brokers; resolves when each takes connections. */
export async function startCluster(count = 1, options: ClusterOptions = {}): Promise<TestCluster> {
  const plans: BrokerPlan[] = []
  const ports = await freePorts(count * 2)
  for (let id = 1; id <= count; id++)
    plans.push({
      id,
      port: ports[id * 2 - 2]!,
      controllerPort: ports[id * 2 - 1]!,
      ...(options.isUnreplicated && { isUnreplicated: true }),
      ...(options.hasRacks && { rack: `rack-${id}` }),
    })
  return runCluster(options.directory ?? mkdtempSync(join(tmpdir(), 'millrace-kafka-')), plans, options)
}

/** Brokers that can also be reached through a proxy each. */
export interface ProxiedCluster extends TestCluster {
  readonly proxies: readonly FaultProxy[]
}

/** `startCluster` for short-lived brokers, each with a proxy that its clients can come through. */
export async function startProxiedCluster(count: number): Promise<ProxiedCluster> {
  const ports = await freePorts(count * 3)
  const proxies: FaultProxy[] = []
  const plans: BrokerPlan[] = []
  for (let id = 1; id <= count; id++) {
    const [port, controllerPort, behind] = ports.splice(0, 3) as [number, number, number]
    const proxy = await FaultProxy.listen(behind)
    proxies.push(proxy)
    plans.push({ id, port, controllerPort, proxied: { port: behind, advertisedPort: proxy.port } })
  }
  const directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-'))
  const cluster = await runCluster(directory, plans, { isShortLived: true })
  const stop = async () => {
    await cluster.stop()
    await Promise.all(proxies.map(proxy => proxy.close()))
  }
  return { ...cluster, proxies, stop }
}

async function runCluster(
  directory: string,
  plans: readonly BrokerPlan[],
  options: ClusterOptions = {},
): Promise<TestCluster> {
  const jars = kafkaJars()
  const isKept = options.directory !== undefined
  mkdirSync(directory, { recursive: true })
  writeBrokerFiles(directory, jars, plans)
  const running = new Map<number, ChildProcess>()
  // Nothing may outlive a test that is ended in the middle.
  const killAll = () => {
    for (const child of running.values()) child.kill('SIGKILL')
  }
  process.once('exit', killAll)
  const spawnBroker = (id: number) => {
    const heap = process.env.KAFKA_HEAP ?? '512m'
    const memory = [`-Xms${heap}`, `-Xmx${heap}`, ...(options.isShortLived ? QUICK_START : [])]
    const main = ['kafka.Kafka', join(directory, `broker-${id}.properties`)]
    const log = openSync(join(directory, `broker-${id}.log`), 'a')
    const java = ['java', ...memory, ...javaOptions(directory, jars), ...main]
    const [command, ...args] = onCore(options.core, java)
    running.set(id, spawn(command!, args, { stdio: ['ignore', log, log] }))
  }
  const start = async (id: number) => {
    spawnBroker(id)
    await waitForPort(plans[id - 1]!, running.get(id)!, directory)
  }
  const kill = async (id: number) => {
    const child = running.get(id)
    running.delete(id)
    if (child === undefined || child.exitCode !== null) return
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  const stop = async () => {
    if (isKept) await Promise.all([...running.values()].map(closed))
    await Promise.all(plans.map(plan => kill(plan.id)))
    process.off('exit', killAll)
    if (!isKept) rmSync(directory, { recursive: true, force: true })
  }
  try {
    for (const plan of plans) spawnBroker(plan.id)
    for (const plan of plans) await waitForPort(plan, running.get(plan.id)!, directory)
  } catch (error) {
    await stop()
    throw error
  }
  const pid = (id: number) => running.get(id)!.pid!
  return { brokers: plans.map(plan => `127.0.0.1:${plan.port}`), kill, start, pid, stop }
}

/** Asks a broker to end, which writes everything out; whoever takes too long is left to `kill`. */
async function closed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await Promise.race([gone, wait(closedWithinMs, undefined, { ref: false })])
}

/** Ports nobody listens on now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => new Promise(resolve => server.once('listening', resolve))))
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

async function waitForPort(plan: BrokerPlan, child: ChildProcess, directory: string): Promise<void> {
  const began = performance.now()
  while (performance.now() - began < readyWithinMs) {
    if (child.exitCode !== null) break
    if (await answers(plan.port)) return
    await wait(100)
  }
  const log = readFileSync(join(directory, `broker-${plan.id}.log`), 'utf8').slice(-2000)
  throw new Error(`Broker ${plan.id} does not answer on port ${plan.port}:\n${log}`)
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
