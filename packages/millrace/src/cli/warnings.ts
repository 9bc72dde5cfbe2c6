import type { Terminal } from './terminal.ts'

/** Shows Node's warnings that a user can do something about, in one line each, and none of the others. */
export function quietWarnings(
  source: Pick<NodeJS.Process, 'on' | 'removeAllListeners'>,
  terminal: Terminal,
): void {
  source.removeAllListeners('warning')
  const seen = new Set<string>()
  source.on('warning', warning => {
    const text = warningText(warning)
    if (text === undefined || seen.has(text)) return
    seen.add(text)
    terminal.warn(text)
  })
}

function warningText({ name, message, ...rest }: Error): string | undefined {
  const { code } = rest as { code?: string }
  if (code === 'MODULE_TYPELESS_PACKAGE_JSON')
    return 'package.json does not say which modules the project has, so they are parsed twice. Try: "type": "module" in package.json'
  // An error that says it better follows.
  if (message.startsWith('Failed to load the ES module')) return undefined
  return name === 'ExperimentalWarning' || name === 'DeprecationWarning' ? undefined : message
}
