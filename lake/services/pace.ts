// Table services share a lane's thread with its writer. They work in short pieces, and between two of them let
// whatever else is due run first. Between pieces they also say that they are alive (service-turn.ts).
import type { Clock } from '#common/clock.ts'
import type { UrgentWork } from './urgent-work.ts'

const pieceMs = 25

export class Pace {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #beat: () => void
  readonly #urgent: UrgentWork | undefined
  #sinceMs: number

  constructor(clock: Clock, signal: AbortSignal, beat: () => void = () => undefined, urgent?: UrgentWork) {
    this.#clock = clock
    this.#urgent = urgent
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
    await this.#urgent?.giveWay(this.#clock, this.#signal)
    this.#signal.throwIfAborted()
    this.#sinceMs = this.#clock.monotonicMs()
  }
}
