import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/** Millrace itself, which a project may link to. */
const OWN_FOLDER = fileURLToPath(new URL('../../../', import.meta.url))

/** Notes every file of the user's that is imported from now on, so that a change of it is one of the program. */
export function noteLoadedFiles(): ReadonlySet<string> {
  const files = new Set<string>()
  const note = (url: string | undefined) => {
    if (url === undefined || !url.startsWith('file:') || url.includes('/node_modules/')) return
    const file = fileURLToPath(url.replace(/[?#].*$/, ''))
    if (!file.startsWith(OWN_FOLDER)) files.add(file)
  }
  registerHooks({
    resolve(specifier, context, next) {
      // Before the resolution: one that fails is looked for in the same folder.
      note(context.parentURL)
      const resolved = next(specifier, context)
      note(resolved.url)
      return resolved
    },
  })
  return files
}
