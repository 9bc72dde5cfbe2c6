import type { KafkaProperties } from '../log/kafka/settings.ts'
import type { Guarantee } from '../runtime/guarantee.ts'
import type { Duration } from '../std/duration.ts'

/** What `millrace.config.ts` may set; environment variables go before it, flags before both. */
export interface MillraceConfig {
  /** Prefix of every name outside the process; default: the name in package.json. `MILLRACE_APP`, `--app`. */
  readonly app?: string
  /**
   * Directory of the embedded log, or on Kafka of local snapshots and the process's name, relative to this file; default
   * `.millrace`. `MILLRACE_DATA`, `--data`.
   */
  readonly data?: string
  /** Run on Apache Kafka instead: `host:9092`, one or several. `MILLRACE_BROKERS`, `--brokers`. */
  readonly brokers?: string | readonly string[]
  /** Settings of the connection to Kafka, under Kafka's own names: `{ 'security.protocol': 'SSL' }`. */
  readonly kafka?: KafkaProperties
  /** On Kafka: what this process is called in its groups; default: a name kept in `data`. `MILLRACE_INSTANCE`, `--instance`. */
  readonly instance?: string
  /** On Kafka: how many other processes keep a copy of each task's state; default 0. `MILLRACE_STANDBYS`, `--standbys`. */
  readonly standbys?: number
  /** Worker threads of each process; default: everything runs in one thread. `MILLRACE_THREADS`, `--threads`. */
  readonly threads?: number
  /** What a crash may do to results on Kafka; default `exactly-once`. `MILLRACE_GUARANTEE`, `--guarantee`. */
  readonly guarantee?: Guarantee
  /** Longest time between commits, instead of each pipeline's own. `MILLRACE_COMMIT_INTERVAL`, `--commit-interval`. */
  readonly commitInterval?: Duration
  /** Files with the project's pipelines, as patterns relative to this file; default `pipelines/*.ts`. */
  readonly pipelines?: string | readonly string[]
}

/** Gives the configuration back as it is, with its type checked: `export default defineConfig({ … })` in `millrace.config.ts`. */
export function defineConfig(config: MillraceConfig): MillraceConfig {
  return config
}
