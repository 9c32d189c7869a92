// Work of one process that is done one after the other, in the order in which it asked.

export class Turns {
  #last: Promise<void> = Promise.resolve()

  /** Resolves to what ends the turn. Rejects when the signal aborts first. */
  async take(signal: AbortSignal): Promise<() => void> {
    const before = this.#last
    const { promise, resolve: end } = Promise.withResolvers<void>()
    this.#last = promise
    try {
      await unlessAborted(before, signal)
      return end
    } catch (error) {
      void before.then(end)
      throw error
    }
  }
}

async function unlessAborted(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([wait, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
