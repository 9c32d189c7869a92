// Whose turn it is to look after a table. Every lane that writes to it offers to; one at a time and one per interval is
// enough. The turn is a courtesy and no lock: two services at once cost work, and the journal keeps them apart.
// Stored as JSON in `.hoodie/.sluice/services`.
import type { Clock } from '#common/clock.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

const turnPath = '.hoodie/.sluice/services'
/** A turn whose owner says nothing for this long is over: it died. */
const silenceMsMax = 10 * 60_000

interface Turn {
  owner: string
  /** ms since the epoch. */
  until: number
}

export class ServiceTurn {
  readonly #store: ObjectStore
  readonly #clock: Clock
  readonly #owner: string

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#owner = clock.uuid()
  }

  /** Takes the turn unless another has it. */
  async take(): Promise<boolean> {
    const turn = await this.#read()
    if (turn !== null && turn.until > this.#clock.nowMs()) return false
    await this.renew()
    return true
  }

  /** Says that the owner is still at it. */
  renew(): Promise<void> {
    return this.#write(this.#clock.nowMs() + silenceMsMax)
  }

  /** Ends the turn; nobody takes another one for a while. */
  end(restMs: number): Promise<void> {
    return this.#write(this.#clock.nowMs() + restMs)
  }

  #write(until: number): Promise<void> {
    const turn: Turn = { owner: this.#owner, until }
    return this.#store.put(turnPath, Buffer.from(JSON.stringify(turn)))
  }

  async #read(): Promise<Turn | null> {
    const bytes = await this.#store.get(turnPath)
    if (bytes === null) return null
    try {
      return JSON.parse(Buffer.from(bytes).toString('utf8')) as Turn
    } catch {
      return null
    }
  }
}
