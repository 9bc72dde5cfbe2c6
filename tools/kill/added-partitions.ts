import type { Log } from '../../packages/millrace/src/log/log.ts'
import type { Generator } from './generator.ts'
import { arrivals } from './pipelines.ts'
import { until } from './until.ts'
import type { WeatherFault } from './weather.ts'

const addedMs = 120_000

/** A topic gets one partition more, and records in it, while pipelines read it (SEMANTICS 5.9). */
export function addedPartition(log: Log, generator: Generator): WeatherFault {
  return {
    name: 'partition added to a topic',
    strike: async () => {
      const partitions = generator.acknowledged.arrivals.length + 1
      const isAdded = async () => {
        const [topic] = await log.describeTopics([arrivals.name])
        if (topic!.partitions === partitions) return true
        await log.alterTopics([{ name: arrivals.name, partitions }])
        return false
      }
      await until(addedMs, () => `${arrivals.name} has no partition ${partitions - 1}`, isAdded)
      generator.addPartition()
    },
  }
}
