import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { subTopologies } from '../plan/sub-topology.ts'
import type { Disk } from '../state/disk.ts'
import { inputTopics } from './topics.ts'

/** Where all processes of a pipeline on the embedded log keep its snapshots. */
export function snapshotFolder(data: string, group: string): string {
  return join(data, 'state', group)
}

/** Makes the folder, and removes what processes that died in the middle of a snapshot left there. */
export async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    const pid = /\.(\d+)-\d+\.tmp$/.exec(name)?.[1]
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { force: true })
  }
}

/** The input partitions of a pipeline whose tasks have a snapshot in the folder. */
export async function partitionsIn(folder: string, app: string, graph: Graph): Promise<TopicPartition[]> {
  const names = await readdir(folder).catch(() => [])
  const found = names.flatMap(name => {
    const [, step, partition] = /^(.+)-(\d+)\.snapshot$/.exec(name) ?? []
    return step === undefined ? [] : [{ step, partition: Number(partition) }]
  })
  return subTopologies(graph).flatMap(sub => {
    const steps = new Set(sub.nodeIds.map(id => graph.nodes[id]!).map(node => 'name' in node && node.name))
    const partitions = new Set(found.filter(({ step }) => steps.has(step)).map(each => each.partition))
    const topics = new Set(inputTopics(app, graph, sub))
    return [...topics].flatMap(topic => [...partitions].map(partition => ({ topic, partition })))
  })
}

/**
 * A disk whose unfinished files carry their writer's name: a process that lost a task without knowing it may
 * still be writing the snapshot that the new owner begins.
 */
export function ownUnfinished(disk: Disk, writer: { readonly pid: number; readonly thread: number }): Disk {
  const own = (path: string) => path.replace(/\.tmp$/, `.${writer.pid}-${writer.thread}.tmp`)
  return {
    openRead: path => disk.openRead(path),
    create: path => disk.create(own(path)),
    replace: (from, to) => disk.replace(own(from), to),
    remove: path => disk.remove(own(path)),
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
