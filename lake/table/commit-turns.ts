// Keeps a writer's commits and a compaction of the same table apart, where readers need that: a log of table version
// 6 names the slice it belongs to, so it is wrong once that slice was compacted. Who takes a turn waits until all
// earlier ones have ended. It only spares work of one process: between processes the journal decides.

export class CommitTurns {
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
