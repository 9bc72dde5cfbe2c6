import type { RunOptions } from '../run/prepare.ts'

/** What `millrace dev` tells a child process. */
export type ToChild =
  | {
      readonly kind: 'load'
      readonly files: readonly string[]
      readonly cwd: string
      readonly options: RunOptions
    }
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
