import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificates } from './certificates.ts'
import { SECURED_LISTENERS, type SecuredListener, scramArguments, securedProperties } from './security.ts'

export interface BrokerPlan {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  /** Beside the plain listener. */
  readonly secured?: {
    readonly ports: Readonly<Record<SecuredListener, number>>
    readonly certificates: Certificates
  }
  /** A listener whose clients are sent on to another port, that of a proxy in front of it. */
  readonly proxied?: { readonly port: number; readonly advertisedPort: number }
  /** Each partition is on one broker only. */
  readonly isUnreplicated?: boolean
  /** Where it stands; readers who tell their own rack are sent to a replica there. */
  readonly rack?: string
}

/** Writes what a cluster on loopback is started from, and formats those of its folders that are new. */
export function writeBrokerFiles(directory: string, jars: string, plans: readonly BrokerPlan[]): void {
  writeFileSync(join(directory, 'log4j2.properties'), LOGGING)
  const idBytes = randomBytes(16)
  // The tool takes an id that begins with a dash for an option.
  idBytes[0]! &= 0x7f
  const clusterId = idBytes.toString('base64url')
  for (const plan of plans) {
    const file = join(directory, `broker-${plan.id}.properties`)
    writeFileSync(file, properties(directory, plan, plans))
    if (existsSync(join(dataFolder(directory, plan), 'meta.properties'))) continue
    const format = [
      'kafka.tools.StorageTool',
      'format',
      '-t',
      clusterId,
      '-c',
      file,
      ...(plan.secured ? scramArguments() : []),
    ]
    const options = [...QUICK_START, ...javaOptions(directory, jars), ...format]
    const done = spawnSync('java', options, { encoding: 'utf8' })
    if (done.status !== 0)
      throw new Error(`The broker's folder was not formatted:\n${done.stdout}${done.stderr}`)
  }
}

/** For processes that do not live long enough to be worth compiling well. */
export const QUICK_START = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

export function javaOptions(directory: string, jars: string): string[] {
  return [`-Dlog4j2.configurationFile=${join(directory, 'log4j2.properties')}`, '-cp', join(jars, '*')]
}

function dataFolder(directory: string, { id }: BrokerPlan): string {
  return join(directory, `data-${id}`)
}

const RACK_SELECTOR = 'org.apache.kafka.common.replica.RackAwareReplicaSelector'

const LOGGING = [
  'status=error',
  'appender.c.type=Console',
  'appender.c.name=c',
  'appender.c.layout.type=PatternLayout',
  'appender.c.layout.pattern=%d %p %m (%c)%n',
  'rootLogger.level=WARN',
  'rootLogger.appenderRef.c.ref=c',
  '',
].join('\n')

function properties(directory: string, plan: BrokerPlan, plans: readonly BrokerPlan[]): string {
  const isReplicated = plans.length >= 3 && !plan.isUnreplicated
  const [replicas, inSync] = isReplicated ? [3, 2] : [1, 1]
  const { proxied, secured } = plan
  const common = { PLAINTEXT: plan.port, ...secured?.ports }
  const listeners = { ...common, PROXIED: proxied?.port, CONTROLLER: plan.controllerPort }
  const protocols = ['CONTROLLER:PLAINTEXT', 'PLAINTEXT:PLAINTEXT', 'PROXIED:PLAINTEXT']
  if (plan.secured)
    protocols.push(...Object.entries(SECURED_LISTENERS).map(([name, protocol]) => `${name}:${protocol}`))
  const settings: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': plan.id,
    'controller.quorum.voters': plans.map(each => `${each.id}@127.0.0.1:${each.controllerPort}`).join(','),
    listeners: listenersOf(listeners),
    'advertised.listeners': listenersOf({ ...common, PROXIED: proxied?.advertisedPort }),
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': protocols.join(','),
    'num.network.threads': 2,
    'num.io.threads': 4,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': 0,
    // The suites let sessions run out: at the usual 6 s they would take many minutes.
    'group.min.session.timeout.ms': 500,
    'auto.create.topics.enable': 'false',
    'log.dirs': dataFolder(directory, plan),
    ...(plan.secured && securedProperties(plan.secured.certificates)),
    ...(plan.rack && { 'broker.rack': plan.rack, 'replica.selector.class': RACK_SELECTOR }),
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function listenersOf(ports: Readonly<Record<string, number | undefined>>): string {
  return Object.entries(ports)
    .filter(([, port]) => port !== undefined)
    .map(([name, port]) => `${name}://127.0.0.1:${port}`)
    .join(',')
}
