// Time and randomness enter the program here and nowhere else, so that everything below a `main` can run
// under a simulated clock and a seeded generator.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  nowMs(): number
  /** Monotonic milliseconds, for measuring durations; on all threads of the process the same. */
  monotonicMs(): number
  /** Resolves after `ms`; resolves early (never rejects) when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** A random version-4 UUID. */
  uuid(): string
  /** A uniform random number in [0, 1). */
  random(): number
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // Not performance.now(): that counts from the start of each thread.
  monotonicMs: () => {
    const [seconds, nanoseconds] = process.hrtime()
    return seconds * 1000 + nanoseconds / 1e6
  },
  sleep: async (ms, signal) => {
    if (signal?.aborted) return
    await delay(ms, undefined, signal ? { signal } : undefined).catch((error: unknown) => {
      if (!signal?.aborted) throw error
    })
  },
  uuid: () => randomUUID(),
  random: () => Math.random(),
}
