/** What the process answers its caller with; every command's help lists it. */
export const ExitCode = {
  ok: 0,
  /** Something went wrong; standard error says what, and what to try. */
  error: 1,
  /** The command line or the configuration cannot mean anything. */
  usage: 2,
  /** Stopped by Ctrl-C, after what was under way had been committed. */
  interrupted: 130,
  /** Stopped by SIGTERM, or because the process that started this one is gone. */
  terminated: 143,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** The paragraph of every command's help. */
export const exitCodesHelp = `Exit codes: 0 done · 1 error · 2 wrong usage · 130 stopped by Ctrl-C · 143 stopped by SIGTERM`
