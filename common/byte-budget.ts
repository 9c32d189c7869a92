// A bound in bytes that producers wait for and consumers give back to: what keeps a lane's memory a setting.

export class ByteBudget {
  readonly limitBytes: number
  #usedBytes = 0
  readonly #waiting: { bytes: number; enter: () => void }[] = []

  readonly #onPressed: () => void

  /** `onPressed` is called when a producer begins to wait: whoever holds bytes should let go of them. */
  constructor(limitBytes: number, onPressed: () => void = () => undefined) {
    this.limitBytes = limitBytes
    this.#onPressed = onPressed
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** True when a producer waits for room. */
  get pressed(): boolean {
    return this.#waiting.length > 0
  }

  /**
   * Resolves when the bytes fit, first come first served. One caller larger than the whole budget is let in when
   * nothing else is held, so that a single large record cannot block for ever. Rejects when the signal aborts.
   */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#usedBytes += bytes
      return
    }
    await new Promise<void>((resolve, reject) => {
      const waiter = {
        bytes,
        enter: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      const leave = (): void => {
        const at = this.#waiting.indexOf(waiter)
        if (at >= 0) this.#waiting.splice(at, 1)
        reject(signal.reason as Error)
        this.#admit()
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiter)
      this.#onPressed()
    })
  }

  /** Counts bytes that are held in any case, without waiting: producers wait for as many more. To be given back. */
  charge(bytes: number): void {
    this.#usedBytes += bytes
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes
    this.#admit()
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.limitBytes
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#usedBytes += next.bytes
      next.enter()
    }
  }
}
