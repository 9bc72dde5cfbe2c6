import { FormatError, messageOf } from '../format-error.ts'
import type { WholeSchema } from '../registry/registry.ts'
import { loadProtobufjs, type MessageType, type Namespace, type Root } from './protobufjs.ts'

/** Where a message stands in its file: its index among the messages there, then among those inside that one, and so on. */
export type MessagePath = readonly number[]

/** The messages of a `.proto` text. */
export class ProtoFile {
  readonly #name: string
  readonly #root: Root
  /** In the order of the text, by path. */
  readonly #messages: readonly { readonly path: MessagePath; readonly fullName: string }[]

  /** Throws `FormatError` where the text, or what it imports, is no Protobuf. */
  constructor({ text, needs }: WholeSchema, name: string) {
    this.#name = name
    const { parse, Root } = loadProtobufjs()
    try {
      // Alone, for the order of its own messages: two files may share a package.
      const alone = parse(text, new Root())
      const place = alone.package === undefined ? alone.root : alone.root.lookup(alone.package)!
      this.#messages = messagesIn(place as Namespace, [])
      this.#root = new Root()
      for (const { text: needed } of needs) addImports(this.#root, parse(needed, this.#root))
      addImports(this.#root, parse(text, this.#root))
      this.#root.resolveAll()
    } catch (cause) {
      throw new FormatError(
        'schema-unusable',
        `${name} is no Protobuf schema that can be used: ${messageOf(cause)}`,
        { cause },
      )
    }
    if (this.#messages.length === 0) throw new FormatError('schema-unusable', `${name} has no message`)
  }

  /** The message of that name, with or without its package; the first of the file without a name. */
  message(wanted: string | undefined): { readonly type: MessageType; readonly path: MessagePath } {
    const found =
      wanted === undefined
        ? this.#messages[0]
        : (this.#messages.find(({ fullName }) => fullName === wanted) ??
          this.#messages.find(({ fullName }) => fullName.endsWith(`.${wanted}`)))
    if (found !== undefined) return { type: this.#root.lookupType(found.fullName), path: found.path }
    const names = this.#messages.map(({ fullName }) => fullName).join(', ')
    throw new FormatError('schema-unusable', `${this.#name} has no message ${wanted}; it has ${names}`)
  }

  at(path: MessagePath): MessageType {
    const found = this.#messages.find(each => each.path.join() === path.join())
    if (found !== undefined) return this.#root.lookupType(found.fullName)
    throw new FormatError('malformed', `${this.#name} has no message at ${path.join('.')}`)
  }
}

/** The full name of a message, without the dot that protobufjs puts in front. */
export function nameOf(type: MessageType): string {
  return type.fullName.replace(/^\./, '')
}

function messagesIn(
  { nestedArray }: Namespace,
  above: MessagePath,
): { readonly path: MessagePath; readonly fullName: string }[] {
  const { Type } = loadProtobufjs()
  const types = nestedArray.filter((each): each is MessageType => each instanceof Type)
  return types.flatMap((type, i) => {
    const path = [...above, i]
    return [{ path, fullName: nameOf(type) }, ...messagesIn(type, path)]
  })
}

/** Google's own types come with the package; everything else is a reference. */
function addImports(
  root: Root,
  { imports = [], weakImports = [] }: { imports?: string[]; weakImports?: string[] },
): void {
  for (const file of [...imports, ...weakImports]) {
    const known = loadProtobufjs().common.get(file)
    if (known?.nested !== undefined) root.addJSON(known.nested)
  }
}
