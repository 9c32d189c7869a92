// A clock that stands still until a test moves it: sleepers wake in the order of their times, and what they do
// is awaited before the clock goes on.
import type { Clock } from '#common/clock.ts'

interface Sleeper {
  atMs: number
  wake: () => void
}

export class ManualClock implements Clock {
  #nowMs = 1_000_000
  readonly #sleepers = new Set<Sleeper>()
  readonly #startMs = Date.UTC(2026, 0, 1)
  #uuids = 0
  random: () => number = () => 0.5

  nowMs(): number {
    return this.#startMs + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  uuid(): string {
    return `00000000-0000-4000-8000-${String(++this.#uuids).padStart(12, '0')}`
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return
    await new Promise<void>(resolve => {
      const sleeper = { atMs: this.#nowMs + ms, wake: resolve }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper)
        resolve()
      })
    })
  }

  /** Lets everything that is due within `ms` happen; `settled` waits for what each sleeper does when it wakes. */
  async advance(ms: number, settled: () => Promise<void> = settle): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settled()
    for (;;) {
      const next = [...this.#sleepers].toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#sleepers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.wake()
      await settled()
    }
    this.#nowMs = untilMs
    await settled()
  }
}

/** Lets pending promises run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>(resolve => setImmediate(resolve))
}

/** Waits for a condition that I/O brings about; fails after 10 s with what was waited for. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await condition()) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error(`never happened: ${what}`)
}
