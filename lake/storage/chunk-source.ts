// Where the chunks of a streamed object come from. What the source itself fails at, or its abort, must reach whoever
// started the write as it is, not as a failure of the store: so it is remembered.

export class ChunkSource implements AsyncIterable<Uint8Array> {
  readonly #chunks: AsyncIterable<Uint8Array>
  #failure: { error: unknown } | null = null

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#chunks) yield chunk
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /** The error to throw for a write that failed with `error`: the source's own, or what `storeError` makes of it. */
  errorOf(error: unknown, storeError: (error: unknown) => Error): unknown {
    return this.#failure === null ? storeError(error) : this.#failure.error
  }
}
