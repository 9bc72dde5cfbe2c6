import type { TopicVersions } from '../log.ts'

/** What a member says about itself. */
interface MemberData {
  readonly userData: Uint8Array | undefined
  readonly layouts: TopicVersions | undefined
}

interface StoredData {
  readonly data?: string
  readonly layouts?: TopicVersions
}

/** As one column of the member's row. Members that are added to it later are passed over by those who do not know them. */
export function encodeMemberData({ userData, layouts }: Partial<MemberData>): Uint8Array | null {
  if (userData === undefined && layouts === undefined) return null
  const stored: StoredData = {
    ...(userData && { data: Buffer.from(userData).toString('base64') }),
    ...(layouts && { layouts }),
  }
  return Buffer.from(JSON.stringify(stored))
}

export function decodeMemberData(encoded: Uint8Array | null): MemberData {
  if (encoded === null) return { userData: undefined, layouts: undefined }
  const { data, layouts } = JSON.parse(Buffer.from(encoded).toString()) as StoredData
  return { userData: data === undefined ? undefined : new Uint8Array(Buffer.from(data, 'base64')), layouts }
}
