// Staging and committing of a thread, which table services give way to. A commit is many short steps with waits for the
// store between them; if services took each of these waits for a piece of their own work, it would take many times as
// long. So they wait for its end, within bounds: a lane that commits without a pause must be compacted all the same.
import type { Clock } from '#common/clock.ts'

/** Pieces of services take 25 ms: under a load that never ends they have a quarter of the thread. */
const waitMsMax = 75

export class UrgentWork {
  #running = 0
  readonly #onIdle = new Set<() => void>()

  get isRunning(): boolean {
    return this.#running > 0
  }

  async do<T>(work: () => Promise<T>): Promise<T> {
    this.#running++
    try {
      return await work()
    } finally {
      this.#running--
      if (this.#running === 0) for (const tell of this.#onIdle) tell()
    }
  }

  /** Resolves when nothing urgent is under way, or has been for a while, or the signal aborts. */
  async giveWay(clock: Pick<Clock, 'sleep'>, signal: AbortSignal): Promise<void> {
    if (!this.isRunning) return
    const ended = new AbortController()
    const tell = (): void => ended.abort()
    this.#onIdle.add(tell)
    await clock.sleep(waitMsMax, AbortSignal.any([signal, ended.signal]))
    this.#onIdle.delete(tell)
  }
}
