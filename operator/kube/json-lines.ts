// The framing of a watch: one JSON document a line. Bytes are joined before they are decoded, so a character
// that the network cut in two stays whole, and a line may be cut anywhere.
import { TransientError } from '#common/errors.ts'

/** etcd refuses objects above 1.5 MiB; a line far longer is not a watch event. */
const lineBytesMax = 16 * 1024 * 1024

const newline = 0x0a

/** @throws TransientError KUBE_UNAVAILABLE for what is not JSON: a proxy's error page, a cut line */
export async function* jsonLines<T>(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      held.push(chunk.subarray(from, at))
      const line = Buffer.concat(held)
      held = []
      heldBytes = 0
      from = at + 1
      if (line.length > 0) yield parse<T>(line)
    }
    if (from === chunk.length) continue
    held.push(chunk.subarray(from))
    heldBytes += chunk.length - from
    if (heldBytes > lineBytesMax) throw malformed(`a line exceeds ${lineBytesMax} bytes`)
  }
  if (heldBytes > 0) throw malformed('the stream ended inside a line')
}

function parse<T>(line: Buffer): T {
  try {
    return JSON.parse(line.toString('utf8')) as T
  } catch (cause) {
    throw malformed('a line is not JSON', cause)
  }
}

function malformed(message: string, cause?: unknown): TransientError {
  return new TransientError(`watch: ${message}`, { code: 'KUBE_UNAVAILABLE', cause })
}
