/** The requests of the protocol, by version: all of one list take the same arguments, and the newest both sides know is used. */
import {
  type API,
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  apiVersionsV3,
  apiVersionsV4,
  createAPI,
  createPartitionsV3,
  createTopicsV7,
  deleteGroupsV2,
  deleteRecordsV2,
  deleteTopicsV6,
  describeConfigsV4,
  describeGroupsV5,
  describeProducersV0,
  describeTransactionsV0,
  endTxnV3,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
  findCoordinatorV4,
  findCoordinatorV5,
  findCoordinatorV6,
  heartbeatV4,
  incrementalAlterConfigsV1,
  initProducerIdV4,
  initProducerIdV5,
  joinGroupV8,
  joinGroupV9,
  leaveGroupV4,
  leaveGroupV5,
  listGroupsV4,
  listGroupsV5,
  listOffsetsV7,
  listOffsetsV8,
  listOffsetsV9,
  metadataV12,
  offsetCommitV8,
  offsetCommitV9,
  offsetFetchV8,
  offsetFetchV9,
  type Reader,
  syncGroupV5,
  txnOffsetCommitV3,
  txnOffsetCommitV4,
} from '@platformatic/kafka'

/** EndTxn 5 (KIP-890): the request of 4; the answer brings the next producer id and epoch. */
const endTxnV5 = createAPI(26, 5, endTxnV3.createRequest, (_id, _key, _version, reader: Reader) => {
  const throttleTimeMs = reader.readInt32()
  const errorCode = reader.readInt16()
  const [producerId, producerEpoch] = [reader.readInt64(), reader.readInt16()]
  return { throttleTimeMs, errorCode, producerId, producerEpoch }
})
const endTxnOld = createAPI(26, 3, endTxnV3.createRequest, (_id, _key, _version, reader: Reader) => ({
  throttleTimeMs: reader.readInt32(),
  errorCode: reader.readInt16(),
  producerId: -1n,
  producerEpoch: -1,
}))
/** TxnOffsetCommit 5 (KIP-890): as 4, and the coordinator adds the offsets topic to the transaction by itself. */
const txnOffsetCommitV5 = createAPI(28, 5, txnOffsetCommitV4.createRequest, txnOffsetCommitV4.parseResponse)

/** Newest first. */
export const APIS = {
  addOffsetsToTxn: [addOffsetsToTxnV3.api],
  addPartitionsToTxn: [addPartitionsToTxnV3.api],
  createPartitions: [createPartitionsV3.api],
  createTopics: [createTopicsV7.api],
  deleteGroups: [deleteGroupsV2.api],
  deleteRecords: [deleteRecordsV2.api],
  deleteTopics: [deleteTopicsV6.api],
  describeConfigs: [describeConfigsV4.api],
  describeGroups: [describeGroupsV5.api],
  describeProducers: [describeProducersV0.api],
  describeTransactions: [describeTransactionsV0.api],
  endTxn: [endTxnV5, endTxnOld],
  findCoordinator: [findCoordinatorV6.api, findCoordinatorV5.api, findCoordinatorV4.api],
  heartbeat: [heartbeatV4.api],
  incrementalAlterConfigs: [incrementalAlterConfigsV1.api],
  initProducerId: [initProducerIdV5.api, initProducerIdV4.api],
  joinGroup: [joinGroupV9.api, joinGroupV8.api],
  leaveGroup: [leaveGroupV5.api, leaveGroupV4.api],
  listGroups: [listGroupsV5.api, listGroupsV4.api],
  listOffsets: [listOffsetsV9.api, listOffsetsV8.api, listOffsetsV7.api],
  metadata: [metadataV12.api],
  offsetCommit: [offsetCommitV9.api, offsetCommitV8.api],
  offsetFetch: [offsetFetchV9.api, offsetFetchV8.api],
  syncGroup: [syncGroupV5.api],
  txnOffsetCommit: [txnOffsetCommitV5, txnOffsetCommitV3.api],
} as const

export type ApiName = keyof typeof APIS
/** The arguments and the answer of a request. */
export type ArgsOf<Name extends ApiName> = (typeof APIS)[Name][0] extends API<infer Args, any> ? Args : never
export type AnswerOf<Name extends ApiName> =
  (typeof APIS)[Name][0] extends API<any, infer Answer> ? Answer : never

/** How a Fetch request of each version is written; the answers are read by `fetch-response.ts`. */
export const FETCH_REQUESTS = new Map([
  [13, fetchV13.createRequest],
  [14, fetchV14.createRequest],
  [15, fetchV15.createRequest],
  [16, fetchV16.createRequest],
  [17, fetchV17.createRequest],
])

/** Asking for versions is the one request that works with any broker. */
export const API_VERSIONS = { newest: apiVersionsV4.api, older: apiVersionsV3.api } as const

export type VersionsAnswer = ReturnType<typeof apiVersionsV4.parseResponse>
