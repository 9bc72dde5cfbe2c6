import { count, json, pipeline, sum, topic, tumbling } from '../../index.ts'
import { systemClock } from '../../std/clock.ts'
import { topicPrefix } from './topic-prefix.ts'

const prefix = topicPrefix(import.meta.url)

/** Questions to a system that takes its time, and sums of the answers in windows; a pipeline that worker threads can load. */
export interface Question {
  readonly id: number
  readonly user: string
  readonly at: number
}

export const questions = topic(`${prefix}questions`, {
  value: json<Question>(),
  key: 'user',
  timestamp: 'at',
  partitions: 4,
})
export const answered = topic(`${prefix}answered`, {
  value: json<{ id: number; user: string }>(),
  partitions: 2,
})
export const sums = topic(`${prefix}sums`, {
  value: json<{ n: number; ids: number; key: string; start: number }>(),
})

/** Some answers take much longer than others. */
function answer(question: Question): Promise<Question> {
  return new Promise(resolve => systemClock.after(1 + ((question.id * 37) % 40), () => resolve(question)))
}

export default pipeline('asked', p => {
  const answers = p
    .from(questions, { idle: 'never' })
    .asyncMap('ask', question => answer(question), { concurrency: 8 })
  answers.to(answered)
  answers
    .keyBy('group', ({ id }) => `g${id % 5}`)
    .window(tumbling('1m'))
    .aggregate('sums', { n: count(), ids: sum('id') })
    .emit('final')
    .to(sums)
})
