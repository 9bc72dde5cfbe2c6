import type { SerdePlace } from '../../serde/serde.ts'

/**
 * Under which subject a schema is registered, by the names of Confluent's strategies: `TopicName` (`orders-value`),
 * `RecordName` (`shop.Order`) or `TopicRecordName` (`orders-shop.Order`); or a function that gives it.
 */
export type SubjectStrategy =
  | 'TopicName'
  | 'RecordName'
  | 'TopicRecordName'
  | ((place: SubjectPlace) => string)

export interface SubjectPlace extends SerdePlace {
  /** Full name of the record or message; undefined where the schema has none. */
  readonly record: string | undefined
}

export function subjectOf(strategy: SubjectStrategy, place: SubjectPlace): string {
  if (typeof strategy === 'function') return strategy(place)
  const { topic, part, record } = place
  if (strategy === 'TopicName') return `${topic}-${part}`
  if (record === undefined)
    throw new TypeError(
      `Topic ${topic}: subject '${strategy}' needs the name of a record, and the ${part} has none. Give a schema with a name, or subject: () => 'its-subject'`,
    )
  return strategy === 'RecordName' ? record : `${topic}-${record}`
}
