/** What `millrace.config.ts` may set; environment variables go before it, flags before both. */
export interface MillraceConfig {
  /** Prefix of every name outside the process; default: the name in package.json. `MILLRACE_APP`, `--app`. */
  readonly app?: string
  /** Directory of the embedded log, relative to this file; default `.millrace`. `MILLRACE_DATA`, `--data`. */
  readonly data?: string
  /** Worker threads of each process; default: everything runs in one thread. `MILLRACE_THREADS`, `--threads`. */
  readonly threads?: number
  /** Files with the project's pipelines, as patterns relative to this file; default `pipelines/*.ts`. */
  readonly pipelines?: string | readonly string[]
}

/** Gives the configuration back as it is, with its type checked: `export default defineConfig({ … })` in `millrace.config.ts`. */
export function defineConfig(config: MillraceConfig): MillraceConfig {
  return config
}
