import { count, json, pipeline, topic } from '../../index.ts'
import { topicPrefix } from './topic-prefix.ts'

const prefix = topicPrefix(import.meta.url)

export interface Word {
  readonly text: string
  readonly at: number
}

export const words = topic(`${prefix}words`, {
  value: json<Word>(),
  key: 'text',
  timestamp: 'at',
  partitions: 4,
})
const counts = topic(`${prefix}counts`, { value: json<{ n: number }>(), partitions: 4 })

/** A running count of each word, for worker threads too. */
export default pipeline('words', p => {
  p.from(words).byKey().aggregate('per-word', { n: count() }).emit('updates').to(counts)
})
