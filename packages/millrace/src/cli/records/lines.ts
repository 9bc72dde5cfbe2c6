/** Lines of one chunk of input. */
export interface Lines {
  /** Without their ends; views of the chunk, valid until the next one. */
  readonly lines: readonly Uint8Array[]
  /** Number of the first line, from 1. */
  readonly firstNumber: number
  /** Bytes read so far. */
  readonly bytesRead: number
}

const NEWLINE = 0x0a
const RETURN = 0x0d

/** Splits a stream of bytes at its line ends, all lines of a chunk at once. */
export async function* splitLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<Lines> {
  let open: Uint8Array[] = []
  let firstNumber = 1
  let bytesRead = 0
  for await (const given of input) {
    const chunk = typeof given === 'string' ? Buffer.from(given) : given
    bytesRead += chunk.length
    const lines: Uint8Array[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const part = chunk.subarray(start, end)
      lines.push(withoutReturn(open.length === 0 ? part : Buffer.concat([...open, part])))
      open = []
      start = end + 1
    }
    if (start < chunk.length) open.push(chunk.subarray(start))
    if (lines.length > 0) yield { lines, firstNumber, bytesRead }
    firstNumber += lines.length
  }
  if (open.length > 0) yield { lines: [withoutReturn(Buffer.concat(open))], firstNumber, bytesRead }
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line
}
