/** A stream with a further one as a property, whatever the class has under its name. */
export function withStream<S extends object, T>(stream: S, name: string, further: T): S {
  return Object.defineProperty(stream, name, { value: further })
}
