// Who sent tokens that were nobody's. Each costs a call to the API server, so that an address that sent many is not worth
// another call for a while: it must not be able to keep the API server busy through us.
import type { Clock } from '#common/clock.ts'
import { NewestMap } from './newest-map.ts'

/** Calls for one address without a good token in return: those under way and those refused within the window. */
const refusalsMax = 100
const windowMs = 60_000
const addressesMax = 10_000

interface Sender {
  sinceMs: number
  refusals: number
}

export class RefusedSenders {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #senders = new NewestMap<string, Sender>(addressesMax)

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** Resolves to what `ask` says; to null without asking where the address has used up its calls. */
  async unlessRefused<T>(address: string, ask: () => Promise<T | null>): Promise<T | null> {
    const sender = this.#senderAt(address)
    if (sender.refusals >= refusalsMax) return null
    sender.refusals++
    const found = await ask().catch((error: unknown) => {
      sender.refusals--
      throw error
    })
    if (found !== null) sender.refusals--
    return found
  }

  #senderAt(address: string): Sender {
    const nowMs = this.#clock.monotonicMs()
    const known = this.#senders.get(address)
    if (known !== undefined && nowMs - known.sinceMs < windowMs) return known
    const sender = { sinceMs: nowMs, refusals: 0 }
    this.#senders.set(address, sender)
    return sender
  }
}
