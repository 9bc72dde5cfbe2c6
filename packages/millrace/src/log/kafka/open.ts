import { hostname } from 'node:os'
import { type Clock, systemClock } from '../../std/clock.ts'
import { type Dial, systemDial } from './dial.ts'
import { KafkaLog, type KafkaLogOptions } from './kafka-log.ts'
import { type KafkaProperties, kafkaSettings } from './settings.ts'
import { type KafkaLogPort, RemoteOwnership } from './worker-port.ts'

export interface OpenKafkaOptions {
  /** `host:port`, one or several with commas or as a list; goes before `bootstrap.servers`. */
  readonly brokers?: string | readonly string[]
  /** Settings under Kafka's own names. */
  readonly kafka?: KafkaProperties
  readonly clock?: Clock
}

/** What tests replace. */
export interface KafkaSurroundings {
  readonly dial?: Dial
  readonly isFlow1?: boolean
  readonly besideBytesMax?: number
}

/**
 * Opens a log on Apache Kafka (3.1 or newer). Throws `KafkaSettingError`, which names the setting; rejects with `LogError`
 * `unavailable` when no broker can be reached or the login fails.
 */
export function openKafkaLog(options: OpenKafkaOptions): Promise<KafkaLog> {
  return openKafkaIn({}, options)
}

/** `openKafkaLog` in surroundings of a test's choice. */
export async function openKafkaIn(
  surroundings: KafkaSurroundings,
  { brokers, kafka = {}, clock = systemClock }: OpenKafkaOptions,
): Promise<KafkaLog> {
  const servers = typeof brokers === 'string' ? brokers : brokers?.join(',')
  const properties = { ...kafka, ...(servers !== undefined && { 'bootstrap.servers': servers }) }
  return connected(surroundings, properties, {
    clock,
    handleId: crypto.randomUUID(),
    isFlow1: surroundings.isFlow1 ?? false,
  })
}

export interface ConnectKafkaOptions extends KafkaLogPort {
  readonly clock?: Clock
}

/**
 * Opens a handle in a worker thread on what `KafkaLog.port` gave, with connections of its own. It joins no groups; its commits are
 * for members that joined through the log the port came from. Rejects as `openKafkaLog` does.
 */
export function connectKafkaLog(options: ConnectKafkaOptions): Promise<KafkaLog> {
  return connectKafkaIn({}, options)
}

/** `connectKafkaLog` in surroundings of a test's choice. */
export function connectKafkaIn(
  surroundings: KafkaSurroundings,
  { port, worker, handleId, properties, functions, isFlow1, clock = systemClock }: ConnectKafkaOptions,
): Promise<KafkaLog> {
  const ownership = new RemoteOwnership(port)
  const calls = functions.map(name => [name, () => ownership.call(name)] as const)
  const whole = { ...properties, ...Object.fromEntries(calls) } as KafkaProperties
  return connected(surroundings, whole, { clock, handleId, isFlow1, worker: { index: worker, ownership } })
}

async function connected(
  { dial, besideBytesMax }: KafkaSurroundings,
  properties: KafkaProperties,
  options: Pick<KafkaLogOptions, 'clock' | 'handleId' | 'isFlow1' | 'worker'>,
): Promise<KafkaLog> {
  const settings = kafkaSettings(properties)
  const log = new KafkaLog({
    ...options,
    properties,
    settings,
    besideBytesMax,
    dial: dial ?? systemDial(settings.tls),
    host: hostname(),
    pid: process.pid,
  })
  try {
    await log.connect()
  } catch (error) {
    await log.close()
    throw error
  }
  return log
}
