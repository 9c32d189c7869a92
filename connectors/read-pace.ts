// How a reader keeps to the limits of its DataSource: it asks before it takes more from the server, and tells what it
// got. Where the server decides how much comes at once (a Kafka batch, a buffer of the log), what was too much is paid
// for by a longer wait for the next portion.

export interface ReadPace {
  /** Waits until something may be read. Rejects when the signal aborts. */
  next(signal: AbortSignal): Promise<ReadPortion>
}

export interface ReadTurns {
  /** Waits until one more query may be under way, and resolves to what ends it. Rejects when the signal aborts. */
  enter(signal: AbortSignal): Promise<() => void>
}

/**
 * What a connection is for. One that is brief ends by itself, whatever the others wait for, so a reader may wait for one
 * while it has its own; a snapshot is held open while others read it.
 */
export type ConnectionUse = 'brief' | 'reader' | 'snapshot'

/** Where a source may have so many connections only, each is asked for before it is made. */
export interface ConnectionPermits {
  /**
   * Waits until one more may be made, and resolves to what is to be called when the server knows that it is gone. Rejects
   * when the signal aborts.
   */
  enter(use: ConnectionUse, signal: AbortSignal): Promise<() => void>
}

/** What may be read now: ask the server for no more where it can be asked for so much. */
export interface ReadPortion {
  /** At least 1. */
  readonly records: number
  /** At least 1; an estimate where only records are limited. */
  readonly bytes: number
  /** Ends the portion, with what was read in fact: less leaves the rest to others. */
  spent(records: number, bytes: number): void
}

/** For a reader that is sent what it did not ask for: counts what came, and waits when a portion is used up. */
export class PortionCount {
  readonly #pace: ReadPace
  #portion: ReadPortion | null = null
  #records = 0
  #bytes = 0

  constructor(pace: ReadPace) {
    this.#pace = pace
  }

  add(records: number, bytes: number): void {
    this.#records += records
    this.#bytes += bytes
  }

  /** True when no more may be taken before renew(). */
  get isSpent(): boolean {
    if (this.#portion === null) return this.#records > 0
    return this.#records >= this.#portion.records || this.#bytes >= this.#portion.bytes
  }

  async renew(signal: AbortSignal): Promise<void> {
    this.end()
    this.#portion = await this.#pace.next(signal)
  }

  /** Nothing more is read: the rest of the portion is for others. */
  end(): void {
    if (this.#portion === null) return
    this.#portion.spent(this.#records, this.#bytes)
    this.#portion = null
    this.#records = this.#bytes = 0
  }
}
