import { cpuSecondsOf } from './process-cpu.ts'

/** What a program took between 20 % and 90 % of its input. */
export interface Measured {
  readonly records: number
  /** User and system time of all threads of the process. */
  readonly cpuSeconds: number
  readonly wallSeconds: number
  /** The broker's, meanwhile. */
  readonly brokerCpuSeconds: number
  /** Largest resident memory of the process up to the end. */
  readonly peakRssBytes: number
}

export interface Sample {
  readonly records: number
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly brokerCpuSeconds: number
}

const from = 0.2
const to = 0.9

/** Takes the CPU time of this process when 20 % and 90 % of the input have been read; of an input that comes in one answer, all. */
export class Meter {
  readonly #records: number
  readonly #brokerPid: number
  readonly #positions = new Map<number, number>()
  readonly #opened: Sample
  #start: Sample | undefined
  #end: Sample | undefined

  constructor(records: number, brokerPid: number) {
    this.#records = records
    this.#brokerPid = brokerPid
    this.#opened = this.#sample(0)
  }

  /** A partition of the input has been read up to here. */
  notePosition(partition: number, offset: number): void {
    this.#positions.set(partition, offset)
  }

  /** Called after some positions were noted. */
  look(): void {
    let records = 0
    for (const offset of this.#positions.values()) records += offset
    if (this.#start === undefined && records >= from * this.#records) this.#start = this.#sample(records)
    if (this.#end === undefined && records >= to * this.#records) this.#end = this.#sample(records)
  }

  finish(): Measured {
    const start = this.#start ?? this.#opened
    const end = this.#end ?? this.#sample(this.#records)
    return { ...between(start, end), peakRssBytes: process.resourceUsage().maxRSS * 1024 }
  }

  #sample(records: number): Sample {
    const { user, system } = process.cpuUsage()
    return {
      records,
      cpuSeconds: (user + system) / 1e6,
      wallSeconds: performance.now() / 1e3,
      brokerCpuSeconds: cpuSecondsOf(this.#brokerPid),
    }
  }
}

/** What lies between 20 % and 90 % of a program that is looked at from outside now and then. */
export function measuredFrom(samples: readonly Sample[], records: number): Omit<Measured, 'peakRssBytes'> {
  return between(at(samples, from * records), at(samples, to * records))
}

/** The state of things at a number of records that lies between two samples. */
function at(samples: readonly Sample[], records: number): Sample {
  const after = samples.findIndex(sample => sample.records >= records)
  const [a, b] = [samples[after - 1], samples[after]]
  if (a === undefined || b === undefined)
    throw new Error('The program was not seen at 20 % and 90 % of its input')
  const share = (records - a.records) / (b.records - a.records)
  const mix = (x: number, y: number) => x + (y - x) * share
  return {
    records,
    cpuSeconds: mix(a.cpuSeconds, b.cpuSeconds),
    wallSeconds: mix(a.wallSeconds, b.wallSeconds),
    brokerCpuSeconds: mix(a.brokerCpuSeconds, b.brokerCpuSeconds),
  }
}

function between(a: Sample, b: Sample): Omit<Measured, 'peakRssBytes'> {
  return {
    records: b.records - a.records,
    cpuSeconds: b.cpuSeconds - a.cpuSeconds,
    wallSeconds: b.wallSeconds - a.wallSeconds,
    brokerCpuSeconds: b.brokerCpuSeconds - a.brokerCpuSeconds,
  }
}
