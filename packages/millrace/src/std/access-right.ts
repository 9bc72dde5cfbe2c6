/** A right in Kafka's terms: an operation on a resource, or on all resources whose names begin alike. */
export interface AccessRight {
  readonly operation:
    | 'Read'
    | 'Write'
    | 'Create'
    | 'Delete'
    | 'Describe'
    | 'DescribeConfigs'
    | 'IdempotentWrite'
  readonly resource: 'Topic' | 'Group' | 'TransactionalId' | 'Cluster'
  /** Of the cluster: `kafka-cluster`. */
  readonly name: string
  readonly isPrefix: boolean
}
