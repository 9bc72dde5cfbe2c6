import { hostname } from 'node:os'
import { type Clock, systemClock } from '../../std/clock.ts'
import { type Dial, systemDial } from './dial.ts'
import { KafkaLog } from './kafka-log.ts'
import { type KafkaProperties, kafkaSettings } from './settings.ts'

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
  const settings = kafkaSettings({ ...kafka, ...(servers !== undefined && { 'bootstrap.servers': servers }) })
  const log = new KafkaLog({
    settings,
    clock,
    dial: surroundings.dial ?? systemDial(settings.tls),
    handleId: crypto.randomUUID(),
    host: hostname(),
    pid: process.pid,
    isFlow1: surroundings.isFlow1 ?? false,
  })
  try {
    await log.connect()
  } catch (error) {
    await log.close()
    throw error
  }
  return log
}
