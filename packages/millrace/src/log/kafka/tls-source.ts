import { type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls'
import { KafkaSettingError } from './properties.ts'
import type { Name } from './setting-names.ts'

interface PemSource {
  /** The setting it comes from. */
  readonly name: Name
  read(): string
}

export interface TlsSourceOptions {
  readonly ca: PemSource | undefined
  readonly certificate: PemSource | undefined
  readonly key: PemSource | undefined
  readonly passphrase: string | undefined
  readonly checksHost: boolean
}

/**
 * What TLS connections are made with. Files are read again for each connection, so that renewed certificates count without a
 * restart; while a renewal is half done, what was read before goes on.
 */
export class TlsSource {
  readonly #options: TlsSourceOptions
  #read = ''
  #context: SecureContext

  /** Throws `KafkaSettingError` when a file cannot be read, or key and certificate do not go together. */
  constructor(options: TlsSourceOptions) {
    this.#options = options
    this.#context = this.#load()
  }

  options(): ConnectionOptions {
    try {
      this.#context = this.#load()
    } catch (error) {
      if (!(error instanceof KafkaSettingError)) throw error
    }
    const { checksHost } = this.#options
    return {
      secureContext: this.#context,
      ...(checksHost ? {} : { checkServerIdentity: () => undefined }),
    }
  }

  /** Making a context costs more than reading its files. */
  #load(): SecureContext {
    const { ca, certificate, key, passphrase } = this.#options
    const [authorities, cert, secret] = [ca, certificate, key].map(textOf)
    const all = JSON.stringify([authorities, cert, secret])
    if (this.#read === all) return this.#context
    const context = made(ca?.name, { ca: authorities })
    const complete =
      cert === undefined ? context : made(key?.name, { ca: authorities, cert, key: secret, passphrase })
    this.#read = all
    return complete
  }
}

function textOf(source: PemSource | undefined): string | undefined {
  const text = source?.read()
  if (text === undefined || text.includes('-----BEGIN ')) return text
  throw new KafkaSettingError(source!.name, 'is no PEM text (-----BEGIN …)')
}

function made(name: Name | undefined, options: Parameters<typeof createSecureContext>[0]): SecureContext {
  const given = Object.entries(options!).filter(([, value]) => value !== undefined)
  try {
    return createSecureContext(Object.fromEntries(given))
  } catch (cause) {
    const why = (cause as Error).message.replace(/^error:[^:]*:/, '')
    throw new KafkaSettingError(name ?? 'ssl.key.location', `cannot be used: ${why}`, { cause })
  }
}
