import { readFileSync } from 'node:fs'

/** What a member says about its code to people; `millrace groups` shows it. */
export interface CodeVersions {
  /** Of the app, from the package.json it was started beside. */
  readonly code?: string
  readonly millrace?: string
}

/** This Millrace's own. */
export function millraceVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

export function encodeVersions(versions: CodeVersions): Uint8Array {
  return Buffer.from(JSON.stringify(versions))
}

/** Empty for members that say nothing, or what nobody here understands. */
export function decodeVersions(userData: Uint8Array | undefined): CodeVersions {
  if (userData === undefined) return {}
  try {
    const { code, millrace } = JSON.parse(Buffer.from(userData).toString()) as CodeVersions
    return { ...(code !== undefined && { code }), ...(millrace !== undefined && { millrace }) }
  } catch {
    return {}
  }
}
