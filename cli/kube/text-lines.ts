// Whole lines out of bytes as the network cuts them.

/** Lines without their ends. The last one is given though nothing ends it. */
export async function* textLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let held = ''
  for await (const chunk of chunks) {
    const lines = (held + decoder.decode(chunk, { stream: true })).split('\n')
    held = lines.pop() ?? ''
    yield* lines
  }
  held += decoder.decode()
  if (held !== '') yield held
}
