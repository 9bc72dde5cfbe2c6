import {
  count,
  json,
  last,
  max,
  min,
  type Pipeline,
  pipeline,
  type SourceOptions,
  sum,
  topic,
  tumbling,
} from '../../packages/millrace/src/index.ts'

export const appName = 'kill'
export const partitions = 6
export const outOfOrderMs = 2_000
export const windowMs = 10_000
export const graceMs = 1_000

/** A record of the generator. (`partition`, `seq`) names it. */
export interface Reading {
  readonly partition: number
  readonly seq: number
  readonly device: string
  readonly user: string
  readonly group: string
  readonly amount: number
  readonly level: number
  readonly at: number
}

export interface UserCount {
  readonly n: number
  readonly total: number
  /** Partition and sequence number of the record that this update comes from. */
  readonly from: number
  readonly seq: number
}

export interface GroupWindow {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly n: number
  readonly total: number
}

export interface Extremes {
  readonly lo: number | null
  readonly hi: number | null
}

export const readings = topic('readings', {
  value: json<Reading>(),
  key: 'device',
  timestamp: 'at',
  partitions,
})
/** Its partitions become more while it is read (SEMANTICS 5.9). */
export const arrivals = topic('arrivals', {
  value: json<Reading>(),
  key: 'device',
  timestamp: 'at',
  partitions: 2,
})
export const copies = topic('copies', { value: json<Reading>(), partitions })
export const userCounts = topic('user-counts', { value: json<UserCount>(), partitions })
export const groupWindows = topic('group-windows', { value: json<GroupWindow>(), partitions })
export const lateReadings = topic('late-readings', { value: json<Reading>(), partitions })
export const extremes = topic('extremes', { value: json<Extremes>(), partitions })
export const arrived = topic('arrived', { value: json<Reading>(), partitions })
export const arrivalCounts = topic('arrival-counts', { value: json<UserCount>(), partitions })

export const isCopied = (amount: number) => amount >= 100

/** Told of every record that a pipeline has begun to work on. */
export type OnRecord = (pipeline: number) => void

// A channel that was released while its worker was away would make lateness depend on the kills.
const source: SourceOptions = { outOfOrder: outOfOrderMs, idle: 'never' }

/** The pipelines that every worker process runs; `onRecord` is called inside of them. */
export function killPipelines(onRecord: OnRecord): Pipeline[] {
  return [
    pipeline('copy', p => {
      p.from(readings, source)
        .peek(_ => onRecord(0))
        .filter(r => r.amount >= 100)
        .to(copies)
      p.from(arrivals, source).to(arrived)
    }),
    pipeline('per-user', p => {
      p.from(readings, source)
        .peek(_ => onRecord(1))
        .keyBy('user')
        .aggregate('users', { n: count(), total: sum('amount'), from: last('partition'), seq: last('seq') })
        .emit('updates')
        .to(userCounts)
      p.from(arrivals, source)
        .keyBy('visitor', a => a.user)
        .aggregate('visitors', {
          n: count(),
          total: sum('amount'),
          from: last('partition'),
          seq: last('seq'),
        })
        .emit('updates')
        .to(arrivalCounts)
    }),
    pipeline('per-group', p => {
      const rows = p
        .from(readings, source)
        .peek(_ => onRecord(2))
        .keyBy('group')
        .window(tumbling(windowMs, { grace: graceMs }))
        .aggregate('groups', { n: count(), total: sum('amount') })
        .emit('final')
      rows.to(groupWindows)
      rows.late.to(lateReadings)
    }),
    pipeline('per-device', p => {
      p.from(readings, source)
        .peek(_ => onRecord(3))
        .byKey()
        .aggregate('devices', { lo: min('level'), hi: max('level') })
        .emit('updates')
        .to(extremes)
    }),
  ]
}

export const pipelineNames = ['copy', 'per-user', 'per-group', 'per-device'] as const

/** What each of them reads. */
export const sourcesOf: Readonly<
  Record<(typeof pipelineNames)[number], readonly { readonly name: string }[]>
> = {
  copy: [readings, arrivals],
  'per-user': [readings, arrivals],
  'per-group': [readings],
  'per-device': [readings],
}
