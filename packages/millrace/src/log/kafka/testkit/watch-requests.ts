import type { Socket } from 'node:net'

/** Requests by the number that stands in their header. */
export const REQUEST = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  offsetCommit: 8,
  initProducerId: 22,
  addPartitionsToTxn: 24,
  addOffsetsToTxn: 25,
  endTxn: 26,
  txnOffsetCommit: 28,
} as const

/** Told of each request before it goes; without a call of `send`, whose answer it gives on, nothing of it goes. */
export type OnRequest = (request: number, send: () => boolean, bytes: number) => boolean

export function watchRequests(socket: Socket, onRequest: OnRequest): Socket {
  const write = socket.write.bind(socket) as (chunk: Uint8Array) => boolean
  let bodyBytes = 0
  let isSent = true
  const watched = (chunk: Buffer): boolean => {
    if (bodyBytes > 0) {
      bodyBytes -= chunk.length
      return isSent ? write(chunk) : true
    }
    const bytes = chunk.readInt32BE(0) + 4
    bodyBytes = bytes - chunk.length
    isSent = false
    const send = () => {
      isSent = true
      return write(chunk)
    }
    return onRequest(chunk.readInt16BE(4), send, bytes)
  }
  socket.write = watched as typeof socket.write
  return socket
}
