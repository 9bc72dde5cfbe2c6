import {
  count,
  hopping,
  json,
  type Pipeline,
  pipeline,
  session,
  sum,
  type Topic,
  topic,
  tumbling,
} from 'millrace'
import { z } from 'zod'
import { disorderMs, type Event } from '../data/events.ts'
import { inputTopic, partitions } from '../data/input.ts'
import { apartMs, gapMs, hopMs, minuteMs, type Workload } from '../data/oracle.ts'
import type { User, UserFields } from '../data/users.ts'

/** How a pipeline is written: with callbacks, with names of fields, or with callbacks behind a schema that is checked in full. */
export type Style = 'callbacks' | 'fields' | 'schema'

export const outputTopic = 'results'
/** The table of W3. */
export const usersTopic = 'users'

/**
 * Time between two commits, of pipelines and hand-written loops alike. Keys are hit at random, so at the default of
 * 100 ms nearly every input record would bring a changelog record of its own: that would be measured, and vary with speed.
 */
export const commitMs = 1_000

type Forwarded = {
  user: string
  url: string
  device: string
  country: string
  ms: number
  at: number
  session: string
  agent: string
}

export const eventSchema = z.object({
  user: z.string(),
  url: z.string(),
  device: z.string(),
  country: z.string(),
  ms: z.number(),
  at: z.number(),
  session: z.string(),
  agent: z.string(),
})

const output = <V>() => topic(outputTopic, { value: json<V>(), partitions })

/** The pipeline of a workload; the time of an event is the time of its record. `undefined` where the style says nothing new. */
export function pipelineOf(workload: Workload, style: Style, name: string): Pipeline | undefined {
  const input = topic(inputTopic, {
    value: style === 'schema' ? json(eventSchema) : json<Event>(),
    partitions,
  })
  const source = { outOfOrder: disorderMs, idle: 'never' } as const
  switch (workload) {
    case 'w3':
      return style === 'callbacks' ? joinedPipeline(name, input) : undefined
    case 'w0':
      if (style === 'fields') return undefined
      return pipeline(name, { commitInterval: commitMs }, p => {
        p.from(input, source)
          .filter(v => v.device !== 'bot')
          .to(output<Forwarded>())
      })
    case 'w1': {
      const columns =
        style === 'fields'
          ? { n: count<Event>(), total: sum<Event>('ms') }
          : { n: count<Event>(), total: sum<Event>(v => v.ms) }
      return pipeline(name, { commitInterval: commitMs }, p => {
        p.from(input, source)
          .byKey()
          .window(tumbling('10s'))
          .aggregate('per-user', columns)
          .emit('final')
          .to(output<{ n: number; total: number; key: string | null; start: number; end: number }>())
      })
    }
    case 'sessions':
      if (style !== 'fields') return undefined
      return pipeline(name, { commitInterval: commitMs }, p => {
        p.from(input, source)
          .byKey()
          .window(session(gapMs))
          .aggregate('per-user', { n: count<Event>(), total: sum<Event>('ms') })
          .emit('final')
          .to(output<{ n: number; total: number; key: string | null; start: number; end: number }>())
      })
    case 'minutes':
    case 'hopping':
      if (style !== 'fields') return undefined
      return pipeline(name, { commitInterval: commitMs }, p => {
        p.from(input, source)
          .byKey()
          .window(workload === 'minutes' ? tumbling(minuteMs) : hopping(minuteMs, { advance: hopMs }))
          .aggregate('per-user', { n: count<Event>(), total: sum<Event>('ms') })
          .emit('final')
          .to(output<{ n: number; total: number; key: string | null; start: number; end: number }>())
      })
    case 'pairs':
      return style === 'callbacks' ? pairsPipeline(name, input) : undefined
    case 'w2':
      return pipeline(name, { commitInterval: commitMs }, p => {
        const stream = p.from(input, source)
        const keyed = style === 'fields' ? stream.keyBy('url') : stream.keyBy('url', v => v.url)
        keyed.aggregate('per-url', { n: count<Event>() }).emit('updates').to(output<{ n: number }>())
      })
  }
}

/** Two streams made of one, each with half of its records, of which those meet that lie close by. */
function pairsPipeline(name: string, input: Topic<Event, string>): Pipeline {
  return pipeline(name, { commitInterval: commitMs }, p => {
    const all = p.from(input, { outOfOrder: disorderMs, idle: 'never' }).byKey()
    all
      .filter(v => v.ms % 2 === 0)
      .join(
        'pairs',
        all.filter(v => v.ms % 2 === 1),
        { before: apartMs, after: apartMs },
        (a, b) => ({
          from: a.url,
          to: b.url,
          apart: b.at - a.at,
        }),
      )
      .to(output<{ from: string; to: string; apart: number }>())
  })
}

/** What W3 makes of an event, here and in the loop by hand. */
export const withUser = (v: Event, user: User | undefined) => ({
  url: v.url,
  ms: v.ms,
  at: v.at,
  name: user?.name ?? null,
  city: user?.city ?? null,
  state: user?.state ?? null,
  tier: user?.tier ?? null,
})

/** Every event with four members of its user's row, nulls where there is none. */
function joinedPipeline(name: string, input: Topic<Event, string>): Pipeline {
  const users = topic(usersTopic, { value: json<User>(), partitions, cleanup: 'compact' })
  return pipeline(name, { commitInterval: commitMs }, p => {
    p.from(input, { outOfOrder: disorderMs, idle: 'never' })
      .byKey()
      .leftJoin(p.table(users), withUser)
      .to(output<{ url: string; ms: number; at: number } & UserFields>())
  })
}
