// Whose turn it is to look after a table. Every lane that writes to it offers to; one at a time and one per interval is
// enough. The turn is a courtesy and no lock: two services at once cost work, and the journal keeps them apart. So its
// owner says now and then that it is alive, and when it is killed another lane goes on after a minute or two.
// Stored as JSON in `.hoodie/.sluice/services`.
import type { Clock } from '#common/clock.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

const turnPath = '.hoodie/.sluice/services'
/** A turn whose owner says nothing for this long is over: it died. */
const silenceMsMax = 90_000
/** How often the owner says something. */
const renewMs = 20_000

interface Turn {
  owner: string
  /** ms since the epoch. */
  until: number
}

export class ServiceTurn {
  readonly #store: ObjectStore
  readonly #clock: Clock
  readonly #owner: string
  #renewedAtMs = 0
  #renewing: Promise<void> | null = null

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#owner = clock.uuid()
  }

  /** Takes the turn unless another has it. */
  async take(): Promise<boolean> {
    const turn = await this.#read()
    if (turn !== null && turn.until > this.#clock.nowMs()) return false
    await this.#write(silenceMsMax)
    return true
  }

  /**
   * Says that the owner is still at it, if it has not said so for a while. To be called often; it does not wait, and
   * what it fails at matters little.
   */
  keep(): void {
    if (this.#renewing !== null || this.#clock.monotonicMs() - this.#renewedAtMs < renewMs) return
    this.#renewing = this.#renew()
      .catch(() => undefined)
      .finally(() => {
        this.#renewing = null
      })
  }

  /** Ends the turn; nobody takes another one for a while. */
  async end(restMs: number): Promise<void> {
    await this.#renewing
    if (await this.#isOwn()) await this.#write(restMs)
  }

  async #renew(): Promise<void> {
    this.#renewedAtMs = this.#clock.monotonicMs()
    if (await this.#isOwn()) await this.#write(silenceMsMax)
  }

  /** Another one takes the turn from an owner that slept. */
  async #isOwn(): Promise<boolean> {
    return (await this.#read())?.owner === this.#owner
  }

  #write(forMs: number): Promise<void> {
    this.#renewedAtMs = this.#clock.monotonicMs()
    const turn: Turn = { owner: this.#owner, until: this.#clock.nowMs() + forMs }
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
