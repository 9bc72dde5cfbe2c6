import type { Floors } from '../layouts.ts'

/** Floors as members tell each other: by topic and version, in which partitions. */
export type FloorsByTopic = readonly (readonly [
  topic: string,
  versions: readonly (readonly [version: number, partitions: readonly number[]])[],
])[]

export function groupedFloors(floors: Floors): FloorsByTopic {
  const places = [...floors].map(([name, version]) => {
    const at = name.lastIndexOf('/')
    return { topic: name.slice(0, at), partition: Number(name.slice(at + 1)), version }
  })
  return [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, each]) => [
    topic,
    [...Map.groupBy(each, ({ version }) => version)].map(([version, at]) => [
      version,
      at.map(({ partition }) => partition),
    ]),
  ])
}

export function flatFloors(grouped: FloorsByTopic = []): Floors {
  return new Map(
    grouped.flatMap(([topic, versions]) =>
      versions.flatMap(([version, partitions]) =>
        partitions.map((partition): [string, number] => [`${topic}/${partition}`, version]),
      ),
    ),
  )
}
