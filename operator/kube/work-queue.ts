// A queue of keys with the guarantees controllers are built on (client-go's workqueue): a key waits at most once,
// one key is never worked on twice at the same time, a key that arrives while it is being worked on runs again
// afterwards, failures come back after an exponential delay of their own. Two priorities: what a person just
// changed goes before resyncs and polls, which still get every eighth turn so that they are not starved.
import type { Clock } from '#common/clock.ts'
import { DelayHeap } from './delay-heap.ts'

export type Priority = 'high' | 'low'

export interface Requeue {
  /** Come back after so long even if nothing changes. */
  afterMs: number | null
}

/** Works on one key. A rejection brings the key back after a delay that doubles with every failure in a row. */
export type Work = (key: string, signal: AbortSignal) => Promise<Requeue>

export interface WorkQueueOptions {
  workers: number
  clock: Clock
  /** First and longest delay after failures. */
  retryMs?: { first: number; max: number }
  /** Hears about failures; what it returns replaces the delay, when it is longer. */
  onFailure?: (key: string, error: unknown, delayMs: number) => number
}

const lowTurn = 8

export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #retryMs: { first: number; max: number }
  readonly #waiting: Record<Priority, Set<string>> = { high: new Set(), low: new Set() }
  readonly #active = new Set<string>()
  /** Keys that arrived while they were being worked on. */
  readonly #again = new Map<string, Priority>()
  readonly #failures = new Map<string, number>()
  readonly #delayed = new DelayHeap<string>()
  #turn = 0
  /** Wakes workers that found nothing, and the timer that sleeps until the next delayed key. */
  #idle: (() => void)[] = []
  #wakeTimer: () => void = () => undefined

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#retryMs = options.retryMs ?? { first: 500, max: 300_000 }
  }

  /** Keys that are ready and wait for a worker. */
  get depth(): number {
    return this.#waiting.high.size + this.#waiting.low.size
  }

  get activeCount(): number {
    return this.#active.size
  }

  add(key: string, priority: Priority = 'high'): void {
    if (this.#active.has(key)) {
      if (this.#again.get(key) !== 'high') this.#again.set(key, priority)
      return
    }
    if (this.#waiting.high.has(key)) return
    if (priority === 'high') this.#waiting.low.delete(key)
    this.#waiting[priority].add(key)
    this.#idle.pop()?.()
  }

  /** Adds the key at low priority after a delay; several delays of one key become the shortest. */
  addAfter(key: string, delayMs: number): void {
    this.#delayed.schedule(key, this.#options.clock.monotonicMs() + delayMs)
    this.#wakeTimer()
  }

  /** Forgets everything planned for a key, its failures too. */
  forget(key: string): void {
    this.#failures.delete(key)
    this.#delayed.cancel(key)
  }

  /** Runs the workers until the signal aborts and the work in hand has ended. */
  async run(work: Work, signal: AbortSignal): Promise<void> {
    const stop = (): void => {
      this.#wakeTimer()
      for (const wake of this.#idle.splice(0)) wake()
    }
    signal.addEventListener('abort', stop, { once: true })
    const workers = Array.from({ length: this.#options.workers }, () => this.#work(work, signal))
    await Promise.all([this.#keepTime(signal), ...workers])
    signal.removeEventListener('abort', stop)
  }

  async #work(work: Work, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const key = this.#next()
      if (key === null) await new Promise<void>(resolve => this.#idle.push(resolve))
      else await this.#attempt(key, work, signal)
    }
  }

  async #attempt(key: string, work: Work, signal: AbortSignal): Promise<void> {
    this.#active.add(key)
    // A reconcile sees everything up to now, so a delayed one is no longer needed; the work asks for its next.
    this.#delayed.cancel(key)
    try {
      const { afterMs } = await work(key, signal)
      this.#failures.delete(key)
      if (afterMs !== null) this.addAfter(key, afterMs)
    } catch (error) {
      if (!signal.aborted) this.#retry(key, error)
    } finally {
      this.#active.delete(key)
      const priority = this.#again.get(key)
      this.#again.delete(key)
      if (priority !== undefined) this.add(key, priority)
    }
  }

  #retry(key: string, error: unknown): void {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    const backoffMs = Math.min(this.#retryMs.first * 2 ** Math.min(failures, 30), this.#retryMs.max)
    // Up to a tenth more, so that keys that failed together do not come back together.
    const delayMs = backoffMs * (1 + this.#options.clock.random() / 10)
    this.addAfter(key, Math.max(delayMs, this.#options.onFailure?.(key, error, delayMs) ?? 0))
  }

  #next(): string | null {
    const { high, low } = this.#waiting
    const lowFirst = ++this.#turn % lowTurn === 0
    for (const queue of lowFirst ? [low, high] : [high, low])
      for (const key of queue) {
        queue.delete(key)
        return key
      }
    return null
  }

  async #keepTime(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    while (!signal.aborted) {
      for (const key of this.#delayed.take(clock.monotonicMs())) this.add(key, 'low')
      const dueMs = this.#delayed.nextDueMs
      const woken = new AbortController()
      this.#wakeTimer = () => woken.abort()
      await clock.sleep(dueMs === null ? 3_600_000 : Math.max(0, dueMs - clock.monotonicMs()), woken.signal)
    }
  }
}
