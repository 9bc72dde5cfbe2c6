import type { StartOptions } from 'millrace'

/** Which log the pipelines run on, and the name they have there. */
export type Where = Pick<StartOptions, 'app' | 'data' | 'brokers' | 'createTopics'>

const APP = 'web-analytics'

/** On the embedded log in a directory. */
export const inDirectory = (data: string): Where => ({ app: APP, data })

/** On Apache Kafka, where the groups and topics of one run are told from those of another by the app's name. */
export const onKafka = (brokers: string, run: string): Where => ({
  app: `${APP}-${run}`,
  brokers,
  // The topics are this program's own.
  createTopics: true,
})
