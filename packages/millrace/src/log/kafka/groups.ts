import { accessRight } from '../../std/access-right.ts'
import { type GroupInfo, type GroupMember, LogError } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { CODE, KafkaError } from './errors.ts'
import { decodeAssignment, decodeSubscription, PROTOCOL_NAME } from './group-protocol.ts'
import type { WholePositions } from './whole-positions.ts'

/** Lists, shows and deletes groups. */
export class Groups {
  readonly #cluster: Cluster
  readonly #positions: WholePositions

  constructor(cluster: Cluster, positions: WholePositions) {
    this.#cluster = cluster
    this.#positions = positions
  }

  /** Of all coordinators. */
  list(): Promise<string[]> {
    return this.#cluster.retry(async () => {
      await this.#cluster.refresh([])
      const lists = await Promise.all(
        this.#cluster.nodes.map(async node => {
          const answer = await this.#cluster.request(node, 'admin', 'listGroups', [[], []])
          if (answer.errorCode !== 0)
            throw new KafkaError(
              answer.errorCode,
              'list the groups',
              null,
              accessRight('Describe', 'Cluster', 'kafka-cluster'),
            )
          return answer.groups.map(group => group.groupId)
        }),
      )
      return lists.flat()
    })
  }

  /** The generation is known as long as there are members that are ours; -1 otherwise. */
  async describe(group: string): Promise<GroupInfo | undefined> {
    const found = await this.#cluster.retry(async () => {
      const node = await this.#cluster.coordinator('group', group)
      const answer = await this.#cluster.request(node, 'admin', 'describeGroups', [[group], false])
      const [described] = answer.groups
      const code = described!.errorCode
      if (code === CODE.groupNotFound) return undefined
      if (code !== 0)
        throw new KafkaError(code, `describe group ${group}`, null, accessRight('Describe', 'Group', group))
      return described
    })
    if (found === undefined || found.groupState === 'Dead') return undefined
    const isOurs = found.protocolData === PROTOCOL_NAME
    const assignments = isOurs ? found.members.map(each => decodeAssignment(each.memberAssignment)) : []
    const generation = Math.max(-1, ...assignments.map(each => each.generation))
    return {
      group,
      generation,
      members: found.members.map(member => memberOf(member, isOurs)),
      barred: assignments.find(each => each.generation === generation)?.barred ?? [],
      positions: await this.#positions.lastCommitted(group),
    }
  }

  async delete(group: string): Promise<void> {
    await this.#cluster.retry(async () => {
      const node = await this.#cluster.coordinator('group', group)
      const answer = await this.#cluster.request(node, 'admin', 'deleteGroups', [[group]])
      const code = answer.results[0]!.errorCode
      if (code === 0 || code === CODE.groupNotFound) return
      if (code === CODE.nonEmptyGroup)
        throw new LogError('group-active', `Group ${group} has members; stop them first`)
      throw new KafkaError(code, `delete group ${group}`, null, accessRight('Delete', 'Group', group))
    })
  }
}

function memberOf(
  member: {
    readonly memberId: string
    readonly groupInstanceId?: string | null
    readonly clientHost: string
    readonly memberMetadata: Buffer
    readonly memberAssignment: Buffer
  },
  isOurs: boolean,
): GroupMember {
  const { memberId, groupInstanceId, clientHost, memberMetadata, memberAssignment } = member
  const instance = groupInstanceId == null ? {} : { instanceId: groupInstanceId }
  if (!isOurs) return { memberId, ...instance, host: clientHost, pid: -1, assignment: [] }
  const { host, pid, userData, layouts } = decodeSubscription(memberMetadata)
  const { partitions } = decodeAssignment(memberAssignment)
  return { memberId, ...instance, host, pid, assignment: partitions, userData, layouts }
}
