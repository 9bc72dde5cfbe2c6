import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** What the command line asks for. */
export interface Flags {
  readonly once: boolean
  readonly json: boolean
  readonly fresh: boolean
  readonly log: string
  readonly data: string
  /** Apache Kafka instead of the embedded log. */
  readonly brokers: string | undefined
  readonly speed: number
  readonly shuffleMs: number
}

/** The command line makes no sense; the message says why. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const HELP = `Replays a web server's access log and analyses it while it arrives.

  npm start                          watch the replay, then see the report per day
  npm start -- --once --log FILE     the report at once

  --once           analyse the finished log as a batch: no replay, nothing is kept
  --log FILE       another log in Apache's combined format
  --json           the report as JSON on stdout, everything else on stderr
  --speed N        N times as fast; 1 is about a second per hour of the log
  --shuffle SPAN   let lines come up to SPAN of event time late, for example 30s
  --data DIR       where the replay keeps topics and state (default: .millrace beside this program)
  --brokers H:P    on Apache Kafka instead of the embedded log; the topics are created there
  --fresh          begin anew instead of going on with an interrupted replay
  --help           this text
`

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Reads the command line; undefined when help is asked for. Throws `UsageError`. */
export function readFlags(args: string[]): Flags | undefined {
  const values = parse(args)
  if (values.help) return undefined
  return {
    once: values.once,
    json: values.json,
    fresh: values.fresh,
    log: values.log ?? join(import.meta.dirname, 'data', 'apache_access.log'),
    data: values.data ?? join(import.meta.dirname, '.millrace'),
    brokers: values.brokers,
    speed: readSpeed(values.speed),
    shuffleMs: readSpan(values.shuffle),
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        log: { type: 'string' },
        data: { type: 'string' },
        brokers: { type: 'string' },
        speed: { type: 'string', default: '1' },
        shuffle: { type: 'string', default: '0s' },
      },
    }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}. See --help`)
  }
}

function readSpeed(text: string): number {
  const speed = Number(text)
  if (speed > 0) return speed
  throw new UsageError(`--speed ${text}: give a number above 0, for example 10`)
}

function readSpan(text: string): number {
  const [, count, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  if (unit !== undefined) return Number(count) * UNIT_MS[unit]!
  throw new UsageError(`--shuffle ${text}: give a span of time, for example 30s`)
}
