import { connect, isIP, type OnReadOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { TlsSource } from './tls-source.ts'

export interface DialOptions {
  readonly host: string
  readonly port: number
  readonly onread: OnReadOpts
  /** Called once when bytes may be sent. */
  readonly onReady: () => void
}

/** Opens a socket whose bytes go straight into the buffers of `onread`. */
export type Dial = (options: DialOptions) => Socket

/** Plain TCP, or TLS. */
export function systemDial(tls: TlsSource | undefined): Dial {
  return ({ onReady, ...options }) => {
    if (tls === undefined) return connect({ ...options, keepAlive: true }, onReady)
    const servername = isIP(options.host) === 0 ? { servername: options.host } : {}
    return connectTls({ ...servername, ...tls.options(), ...options } as ConnectionOptions, onReady)
  }
}
