/** A right in Kafka's terms: an operation on a resource, or on all whose names begin alike. */
export interface AccessRight {
  readonly operation: AccessOperation
  readonly resource: 'Topic' | 'Group' | 'TransactionalId' | 'Cluster'
  readonly name: string
  readonly isPrefix: boolean
}

export type AccessOperation =
  | 'Read'
  | 'Write'
  | 'Create'
  | 'Delete'
  | 'Alter'
  | 'AlterConfigs'
  | 'Describe'
  | 'DescribeConfigs'
  | 'IdempotentWrite'

const OPTIONS: Readonly<Record<AccessRight['resource'], string>> = {
  Topic: '--topic',
  Group: '--group',
  TransactionalId: '--transactional-id',
  Cluster: '--cluster',
}

/** A right on one resource by its name. */
export function accessRight(
  operation: AccessOperation,
  resource: AccessRight['resource'],
  name: string,
): AccessRight {
  return { operation, resource, name, isPrefix: false }
}

/** For example `Read on Topic page-views`. */
export function rightText({ operation, resource, name, isPrefix }: AccessRight): string {
  const included =
    operation === 'Describe' && resource !== 'Cluster' ? ' (part of Read, Write and Delete)' : ''
  return `${operation}${included} on ${resource} ${name}${isPrefix ? '*' : ''}`
}

/** The line that grants `rights`, which are of one resource, to a principal such as `User:shop`. */
export function aclCommand(rights: readonly AccessRight[], principal: string, brokers: string): string {
  const { resource, name, isPrefix } = rights[0]!
  return [
    `kafka-acls.sh --bootstrap-server ${brokers} --add --allow-principal ${principal}`,
    ...rights.map(({ operation }) => `--operation ${operation}`),
    resource === 'Cluster' ? OPTIONS.Cluster : `${OPTIONS[resource]} ${name}`,
    ...(isPrefix ? ['--resource-pattern-type prefixed'] : []),
  ].join(' ')
}
