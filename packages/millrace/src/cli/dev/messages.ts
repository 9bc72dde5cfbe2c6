import type { RunOptions } from '../run/prepare.ts'

/** What the child runs by; plain data, as it goes from process to process. */
export interface DevOptions extends Omit<RunOptions, 'kafka'> {
  /** The configuration file that was named. The child reads Kafka's settings from it, which may hold functions. */
  readonly config: string | undefined
}

export interface LoadMessage {
  readonly kind: 'load'
  readonly files: readonly string[]
  readonly cwd: string
  readonly options: DevOptions
}

/** What `millrace dev` tells a child process. */
export type ToChild =
  | LoadMessage
  | { readonly kind: 'start' }
  /** Drain, commit, leave; the process stays and can start again. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'exit' }

/** What the child answers. Errors it has shown on standard error by then. */
export type FromChild =
  | { readonly kind: 'loaded'; readonly pipelines: readonly string[]; readonly files: readonly string[] }
  | { readonly kind: 'refused'; readonly files: readonly string[] }
  | { readonly kind: 'started' }
  | { readonly kind: 'start-failed' }
  | { readonly kind: 'stopped' }
  /** A pipeline stopped with an error while it ran. */
  | { readonly kind: 'failed' }
