import type {
  Commit,
  CommittedPosition,
  FetchPosition,
  GroupInfo,
  JoinOptions,
  Log,
  MemberIdentity,
  OutgoingBatch,
  TopicPartition,
  TopicSpec,
  TopicVersions,
} from '../../log.ts'

/**
 * `log` as if it were alone on its brokers: every topic and group begins with `prefix` there, and nothing else is seen. So each
 * test has a store of its own, however many share the brokers.
 */
export function prefixedLog(log: Log, prefix: string): Log {
  const out = <T extends { readonly topic: string }>(each: T): T => ({ ...each, topic: prefix + each.topic })
  const back = <T extends { readonly topic: string }>(each: T): T => ({
    ...each,
    topic: each.topic.slice(prefix.length),
  })
  const identityOut = (identity: MemberIdentity) => ({ ...identity, group: prefix + identity.group })
  const identityBack = (identity: MemberIdentity) => ({
    ...identity,
    group: identity.group.slice(prefix.length),
  })
  // An illegal name must arrive as it is.
  const topicOut = (name: string) => (name === '' ? '' : prefix + name)
  const named = <T extends { readonly name: string }>(each: T): T => ({
    ...each,
    name: each.name.slice(prefix.length),
  })
  return {
    kind: log.kind,
    closed: log.closed,
    createTopics: (specs: readonly TopicSpec[]) =>
      // The records of tests are decades old: the broker's retention would take them at its next look.
      log.createTopics(specs.map(spec => ({ retentionMs: -1, ...spec, name: topicOut(spec.name) }))),
    describeTopics: async names => {
      const topics = await log.describeTopics(names?.map(topicOut))
      return topics.filter(topic => topic.name.startsWith(prefix)).map(named)
    },
    alterTopics: changes => log.alterTopics(changes.map(each => ({ ...each, name: topicOut(each.name) }))),
    deleteTopics: names => log.deleteTopics(names.map(topicOut)),
    offsets: topic => log.offsets(prefix + topic),
    offsetForTime: (topic, partition, timestamp) => log.offsetForTime(prefix + topic, partition, timestamp),
    trim: (positions: readonly FetchPosition[]) => log.trim(positions.map(out)),
    clean: () => log.clean(),
    fetch: async (positions, options) => (await log.fetch(positions.map(out), options)).map(back),
    append: (batches: readonly OutgoingBatch[]) => log.append(batches.map(out)),
    join: async (options: JoinOptions) => {
      const membership = await log.join({
        ...options,
        group: prefix + options.group,
        topicSets: options.topicSets.map(set => set.map(topic => prefix + topic)),
        layouts: options.layouts && renamed(options.layouts, topic => prefix + topic),
        onBarred: partitions => options.onBarred?.(partitions.map(back)),
        onAssigned: (partitions, identity) =>
          options.onAssigned(partitions.map(back), identityBack(identity)),
        onRevoked: partitions => options.onRevoked(partitions.map(back)),
        onIdentity: identity => options.onIdentity(identityBack(identity)),
      })
      return {
        get identity() {
          return membership.identity && identityBack(membership.identity)
        },
        get assignment(): readonly TopicPartition[] {
          return membership.assignment.map(back)
        },
        leave: how => membership.leave(how),
      }
    },
    committed: async (group, partitions): Promise<CommittedPosition[]> =>
      (await log.committed(prefix + group, partitions.map(out))).map(back),
    commit: ({ identity, batches, positions, ...rest }: Commit) =>
      log.commit({
        ...rest,
        identity: identityOut(identity),
        batches: batches.map(out),
        positions: positions.map(out),
      }),
    listGroups: async () =>
      (await log.listGroups())
        .filter(group => group.startsWith(prefix))
        .map(group => group.slice(prefix.length)),
    describeGroup: async (group): Promise<GroupInfo | undefined> => {
      const info = await log.describeGroup(prefix + group)
      if (info === undefined) return undefined
      const members = info.members.map(({ layouts, ...member }) => ({
        ...member,
        assignment: member.assignment.map(back),
        ...(layouts && { layouts: renamed(layouts, topic => topic.slice(prefix.length)) }),
      }))
      const [barred, positions] = [info.barred.map(back), info.positions.map(back)]
      return { ...info, group, members, barred, positions }
    },
    resetGroup: (group, positions) => log.resetGroup(prefix + group, positions.map(out)),
    deleteGroup: group => log.deleteGroup(prefix + group),
    close: () => log.close(),
  }
}

function renamed(layouts: TopicVersions, nameOf: (topic: string) => string): TopicVersions {
  return Object.fromEntries(Object.entries(layouts).map(([topic, version]) => [nameOf(topic), version]))
}
