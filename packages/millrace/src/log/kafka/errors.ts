import { type AccessRight, rightText } from '../../std/access-right.ts'

/** What the adapter does about an error of the protocol. */
export type ErrorAction =
  /** Certainly not done; the same request may succeed in a moment, after a look-up where `refresh` says so. */
  | 'retry'
  /** The transaction, or the one request, is given up; the producer or member goes on. */
  | 'abort'
  /** Somebody else is in our place: what was owned is lost. */
  | 'fenced'
  /** Nothing will change it but a person. */
  | 'fatal'

export interface ErrorRule {
  readonly name: string
  readonly action: ErrorAction
  /** What has to be looked up again before a retry. */
  readonly refresh?: 'metadata' | 'coordinator'
}

const retry = (name: string, refresh?: 'metadata' | 'coordinator'): ErrorRule => ({
  name,
  action: 'retry',
  ...(refresh && { refresh }),
})
const abort = (name: string): ErrorRule => ({ name, action: 'abort' })
const fenced = (name: string): ErrorRule => ({ name, action: 'fenced' })
const fatal = (name: string): ErrorRule => ({ name, action: 'fatal' })

/** Every error of the protocol by its number. */
export const ERRORS: ReadonlyMap<number, ErrorRule> = new Map<number, ErrorRule>([
  [-1, abort('UNKNOWN_SERVER_ERROR')],
  [1, abort('OFFSET_OUT_OF_RANGE')],
  [2, abort('CORRUPT_MESSAGE')],
  [3, retry('UNKNOWN_TOPIC_OR_PARTITION', 'metadata')],
  [4, fatal('INVALID_FETCH_SIZE')],
  [5, retry('LEADER_NOT_AVAILABLE', 'metadata')],
  [6, retry('NOT_LEADER_OR_FOLLOWER', 'metadata')],
  [7, retry('REQUEST_TIMED_OUT')],
  [8, retry('BROKER_NOT_AVAILABLE', 'metadata')],
  [9, retry('REPLICA_NOT_AVAILABLE', 'metadata')],
  [10, abort('MESSAGE_TOO_LARGE')],
  [11, retry('STALE_CONTROLLER_EPOCH')],
  [12, abort('OFFSET_METADATA_TOO_LARGE')],
  [13, retry('NETWORK_EXCEPTION', 'metadata')],
  [14, retry('COORDINATOR_LOAD_IN_PROGRESS')],
  [15, retry('COORDINATOR_NOT_AVAILABLE', 'coordinator')],
  [16, retry('NOT_COORDINATOR', 'coordinator')],
  [17, fatal('INVALID_TOPIC_EXCEPTION')],
  [18, abort('RECORD_LIST_TOO_LARGE')],
  [19, retry('NOT_ENOUGH_REPLICAS')],
  [20, retry('NOT_ENOUGH_REPLICAS_AFTER_APPEND')],
  [21, fatal('INVALID_REQUIRED_ACKS')],
  [22, fenced('ILLEGAL_GENERATION')],
  [23, fatal('INCONSISTENT_GROUP_PROTOCOL')],
  [24, fatal('INVALID_GROUP_ID')],
  [25, fenced('UNKNOWN_MEMBER_ID')],
  [26, fatal('INVALID_SESSION_TIMEOUT')],
  [27, abort('REBALANCE_IN_PROGRESS')],
  [28, abort('INVALID_COMMIT_OFFSET_SIZE')],
  [29, fatal('TOPIC_AUTHORIZATION_FAILED')],
  [30, fatal('GROUP_AUTHORIZATION_FAILED')],
  [31, fatal('CLUSTER_AUTHORIZATION_FAILED')],
  [32, abort('INVALID_TIMESTAMP')],
  [33, fatal('UNSUPPORTED_SASL_MECHANISM')],
  [34, fatal('ILLEGAL_SASL_STATE')],
  [35, fatal('UNSUPPORTED_VERSION')],
  [36, fatal('TOPIC_ALREADY_EXISTS')],
  [37, fatal('INVALID_PARTITIONS')],
  [38, fatal('INVALID_REPLICATION_FACTOR')],
  [39, fatal('INVALID_REPLICA_ASSIGNMENT')],
  [40, fatal('INVALID_CONFIG')],
  [41, retry('NOT_CONTROLLER', 'metadata')],
  [42, fatal('INVALID_REQUEST')],
  [43, fatal('UNSUPPORTED_FOR_MESSAGE_FORMAT')],
  [44, fatal('POLICY_VIOLATION')],
  [45, abort('OUT_OF_ORDER_SEQUENCE_NUMBER')],
  [46, abort('DUPLICATE_SEQUENCE_NUMBER')],
  [47, fenced('INVALID_PRODUCER_EPOCH')],
  [48, abort('INVALID_TXN_STATE')],
  [49, abort('INVALID_PRODUCER_ID_MAPPING')],
  [50, fatal('INVALID_TRANSACTION_TIMEOUT')],
  [51, retry('CONCURRENT_TRANSACTIONS')],
  [52, fenced('TRANSACTION_COORDINATOR_FENCED')],
  [53, fatal('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')],
  [54, fatal('SECURITY_DISABLED')],
  [55, abort('OPERATION_NOT_ATTEMPTED')],
  [56, retry('KAFKA_STORAGE_ERROR', 'metadata')],
  [57, fatal('LOG_DIR_NOT_FOUND')],
  [58, fatal('SASL_AUTHENTICATION_FAILED')],
  [59, abort('UNKNOWN_PRODUCER_ID')],
  [60, retry('REASSIGNMENT_IN_PROGRESS')],
  [61, fatal('DELEGATION_TOKEN_AUTH_DISABLED')],
  [62, fatal('DELEGATION_TOKEN_NOT_FOUND')],
  [63, fatal('DELEGATION_TOKEN_OWNER_MISMATCH')],
  [64, fatal('DELEGATION_TOKEN_REQUEST_NOT_ALLOWED')],
  [65, fatal('DELEGATION_TOKEN_AUTHORIZATION_FAILED')],
  [66, fatal('DELEGATION_TOKEN_EXPIRED')],
  [67, fatal('INVALID_PRINCIPAL_TYPE')],
  [68, fatal('NON_EMPTY_GROUP')],
  [69, fatal('GROUP_ID_NOT_FOUND')],
  [70, retry('FETCH_SESSION_ID_NOT_FOUND')],
  [71, retry('INVALID_FETCH_SESSION_EPOCH')],
  [72, retry('LISTENER_NOT_FOUND', 'metadata')],
  [73, fatal('TOPIC_DELETION_DISABLED')],
  [74, retry('FENCED_LEADER_EPOCH', 'metadata')],
  [75, retry('UNKNOWN_LEADER_EPOCH', 'metadata')],
  [76, fatal('UNSUPPORTED_COMPRESSION_TYPE')],
  [77, retry('STALE_BROKER_EPOCH')],
  [78, retry('OFFSET_NOT_AVAILABLE')],
  [79, retry('MEMBER_ID_REQUIRED')],
  [80, retry('PREFERRED_LEADER_NOT_AVAILABLE')],
  [81, fatal('GROUP_MAX_SIZE_REACHED')],
  [82, fenced('FENCED_INSTANCE_ID')],
  [83, retry('ELIGIBLE_LEADERS_NOT_AVAILABLE')],
  [84, fatal('ELECTION_NOT_NEEDED')],
  [85, fatal('NO_REASSIGNMENT_IN_PROGRESS')],
  [86, fatal('GROUP_SUBSCRIBED_TO_TOPIC')],
  [87, abort('INVALID_RECORD')],
  [88, retry('UNSTABLE_OFFSET_COMMIT')],
  [89, retry('THROTTLING_QUOTA_EXCEEDED')],
  [90, fenced('PRODUCER_FENCED')],
  [91, fatal('RESOURCE_NOT_FOUND')],
  [92, fatal('DUPLICATE_RESOURCE')],
  [93, fatal('UNACCEPTABLE_CREDENTIAL')],
  [94, fatal('INCONSISTENT_VOTER_SET')],
  [95, fatal('INVALID_UPDATE_VERSION')],
  [96, fatal('FEATURE_UPDATE_FAILED')],
  [97, fatal('PRINCIPAL_DESERIALIZATION_FAILURE')],
  [98, retry('SNAPSHOT_NOT_FOUND')],
  [99, fatal('POSITION_OUT_OF_RANGE')],
  [100, retry('UNKNOWN_TOPIC_ID', 'metadata')],
  [101, fatal('DUPLICATE_BROKER_REGISTRATION')],
  [102, fatal('BROKER_ID_NOT_REGISTERED')],
  [103, retry('INCONSISTENT_TOPIC_ID', 'metadata')],
  [104, fatal('INCONSISTENT_CLUSTER_ID')],
  [105, fatal('TRANSACTIONAL_ID_NOT_FOUND')],
  [106, retry('FETCH_SESSION_TOPIC_ID_ERROR', 'metadata')],
  [107, retry('INELIGIBLE_REPLICA')],
  [108, retry('NEW_LEADER_ELECTED', 'metadata')],
  [109, retry('OFFSET_MOVED_TO_TIERED_STORAGE')],
  [110, fenced('FENCED_MEMBER_EPOCH')],
  [111, fatal('UNRELEASED_INSTANCE_ID')],
  [112, fatal('UNSUPPORTED_ASSIGNOR')],
  [113, fenced('STALE_MEMBER_EPOCH')],
  [114, fatal('MISMATCHED_ENDPOINT_TYPE')],
  [115, fatal('UNSUPPORTED_ENDPOINT_TYPE')],
  [116, fatal('UNKNOWN_CONTROLLER_ID')],
  [117, fatal('UNKNOWN_SUBSCRIPTION_ID')],
  [118, fatal('TELEMETRY_TOO_LARGE')],
  [119, fatal('INVALID_REGISTRATION')],
  [120, abort('TRANSACTION_ABORTABLE')],
  [121, fatal('INVALID_RECORD_STATE')],
  [122, fatal('SHARE_SESSION_NOT_FOUND')],
  [123, fatal('INVALID_SHARE_SESSION_EPOCH')],
  [124, fatal('FENCED_STATE_EPOCH')],
  [125, fatal('INVALID_VOTER_KEY')],
  [126, fatal('DUPLICATE_VOTER')],
  [127, fatal('VOTER_NOT_FOUND')],
  [128, fatal('INVALID_REGULAR_EXPRESSION')],
  [129, retry('REBOOTSTRAP_REQUIRED', 'metadata')],
  [130, fatal('STREAMS_INVALID_TOPOLOGY')],
  [131, fatal('STREAMS_INVALID_TOPOLOGY_EPOCH')],
  [132, fatal('STREAMS_TOPOLOGY_FENCED')],
  [133, fatal('SHARE_SESSION_LIMIT_REACHED')],
])

/** The numbers the adapter itself asks for. */
export const CODE = {
  offsetOutOfRange: 1,
  unknownTopic: 3,
  messageTooLarge: 10,
  metadataTooLarge: 12,
  coordinatorLoading: 14,
  notCoordinator: 16,
  recordListTooLarge: 18,
  coordinatorNotAvailable: 15,
  requestTimedOut: 7,
  notEnoughReplicasAfterAppend: 20,
  illegalGeneration: 22,
  unknownMember: 25,
  rebalanceInProgress: 27,
  unsupportedVersion: 35,
  topicExists: 36,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidTopic: 17,
  invalidProducerEpoch: 47,
  invalidTxnState: 48,
  nonEmptyGroup: 68,
  invalidRecord: 87,
  groupNotFound: 69,
  memberIdRequired: 79,
  fencedInstance: 82,
  producerFenced: 90,
  unknownTopicId: 100,
  topicUnauthorized: 29,
  transactionalIdNotFound: 105,
  unstableOffsetCommit: 88,
} as const

/** What to do about the error with this number; one that is not known yet is given up, never repeated. */
export function errorRule(code: number): ErrorRule {
  return ERRORS.get(code) ?? abort(`error ${code}`)
}

/** A broker's answer that is an error: the request was refused. */
export class KafkaError extends Error {
  override readonly name = 'KafkaError'
  readonly code: number
  readonly rule: ErrorRule
  /** The right that the user lacks. */
  readonly right: AccessRight | undefined
  /**
   * `doing` completes "Kafka refused to …"; `detail` is what the broker said; `rights` are those that the request needs, of which
   * the error's name says the kind that is missing.
   */
  constructor(code: number, doing: string, detail?: string | null, ...rights: readonly AccessRight[]) {
    const rule = errorRule(code)
    const right = missingRight(rule, rights)
    const lack = right && `the user lacks the right ${rightText(right)}`
    const why = [lack, detail].filter(Boolean).join('; ')
    super(`Kafka refused to ${doing}: ${rule.name}${why === '' ? '' : ` (${why})`}`)
    this.code = code
    this.rule = rule
    this.right = right
  }
}

function missingRight({ name }: ErrorRule, rights: readonly AccessRight[]): AccessRight | undefined {
  if (!name.endsWith('_AUTHORIZATION_FAILED')) return undefined
  const kind = name.replaceAll('_', '').toLowerCase()
  return rights.find(({ resource }) => kind.startsWith(resource.toLowerCase())) ?? rights[0]
}

/** The connection broke, or no answer came in time, after the request had been sent: the broker may still execute it. */
export class AmbiguousError extends Error {
  override readonly name = 'AmbiguousError'
}

/** No connection: nothing was sent. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
  /** Another try cannot help: wrong password, TLS to a plain port. */
  readonly final: boolean
  readonly wayOut: string | undefined
  constructor(message: string, options: { cause?: unknown; final?: boolean; wayOut?: string } = {}) {
    super(message, { cause: options.cause })
    this.final = options.final ?? false
    this.wayOut = options.wayOut
  }
}

/** True when the same call, sent again, may succeed; only for calls that may be executed twice. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof KafkaError) return error.rule.action === 'retry'
  if (error instanceof UnreachableError) return !error.final
  return error instanceof AmbiguousError
}
