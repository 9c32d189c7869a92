// Virtual time. Everything that happens in a simulated world is an event at a time; between two events the code
// under test runs as far as it can, and time stands still meanwhile. Nothing else may wait: a promise that no
// event resolves is a promise that never resolves, which is how a crashed process ends.
import type { Random } from './random.ts'

interface Event {
  atMs: number
  /** Of two events at one time the one scheduled first comes first. */
  order: number
  happen: () => void | Promise<void>
}

export class Scheduler {
  readonly random: Random
  nowMs = Date.UTC(2026, 0, 1)
  #events: Event[] = []
  #scheduled = 0

  constructor(random: Random) {
    this.random = random
  }

  after(delayMs: number, happen: Event['happen']): void {
    this.#events.push({ atMs: this.nowMs + delayMs, order: this.#scheduled++, happen })
  }

  /** Lets events happen, in order of time, until none is left or it is enough. Returns how many there were. */
  async run(eventsMax: number, isEnough: () => boolean): Promise<number> {
    for (let happened = 0; ; happened++) {
      if (isEnough()) return happened
      const event = this.#takeFirst()
      if (event === null) return happened
      if (happened === eventsMax)
        throw new Error(`no end after ${eventsMax} events: the writers make no progress`)
      this.nowMs = Math.max(this.nowMs, event.atMs)
      await event.happen()
      // All microtasks: the code under test runs on to its next storage call or sleep.
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  #takeFirst(): Event | null {
    let first = 0
    for (let i = 1; i < this.#events.length; i++)
      if (isBefore(this.#events[i]!, this.#events[first]!)) first = i
    const event = this.#events[first]
    if (event === undefined) return null
    this.#events[first] = this.#events.at(-1)!
    this.#events.pop()
    return event
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
