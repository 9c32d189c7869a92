// A simulated process: it has a clock that may be wrong, a signal that asks it to stop, and it may die at any
// storage call. A dead process gets no answers; what it had sent may still arrive.
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Clock } from '#common/clock.ts'

export class Process {
  readonly name: string
  readonly clock: Clock
  readonly #stop = new AbortController()
  #isAlive = true

  constructor(name: string, scheduler: Scheduler, skewMs: number) {
    this.name = name
    this.clock = new SkewedClock(scheduler, skewMs, this)
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** kill -9. */
  crash(): void {
    this.#isAlive = false
    this.onCrash()
  }

  /** Set by whoever starts processes anew. */
  onCrash: () => void = () => undefined

  /** SIGTERM. */
  stop(): void {
    this.#stop.abort()
  }
}

class SkewedClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #skewMs: number
  readonly #process: Process

  constructor(scheduler: Scheduler, skewMs: number, process: Process) {
    this.#scheduler = scheduler
    this.#skewMs = skewMs
    this.#process = process
  }

  nowMs(): number {
    return this.#scheduler.nowMs + this.#skewMs
  }

  monotonicMs(): number {
    return this.#scheduler.nowMs
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.#scheduler.after(ms, () => {
        if (this.#process.isAlive) resolve()
      })
    })
  }

  uuid(): string {
    return this.#random.uuid()
  }

  random(): number {
    return this.#random.next()
  }

  get #random(): Random {
    return this.#scheduler.random
  }
}
