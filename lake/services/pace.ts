// Table services share a lane's thread with its writer. They work in short pieces, and between two of them let
// whatever else is due run first. Between pieces they also say that they are alive (service-turn.ts).
import type { Clock } from '#common/clock.ts'

const pieceMs = 25

export class Pace {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #beat: () => void
  #sinceMs: number

  constructor(clock: Clock, signal: AbortSignal, beat: () => void = () => undefined) {
    this.#clock = clock
    this.#signal = signal
    this.#beat = beat
    this.#sinceMs = clock.monotonicMs()
  }

  /** Gives way when the piece has taken long enough. Rejects when the signal aborts. */
  async pause(): Promise<void> {
    this.#signal.throwIfAborted()
    if (this.#clock.monotonicMs() - this.#sinceMs < pieceMs) return
    this.#beat()
    await this.#clock.sleep(0, this.#signal)
    this.#signal.throwIfAborted()
    this.#sinceMs = this.#clock.monotonicMs()
  }
}
