// Rows from a cursor in portions: the server sends as many as it was asked for, and nothing runs ahead in the buffers of the
// connection. What FETCH answers with from a binary cursor are the rows of a COPY in binary form, one a message.
// https://www.postgresql.org/docs/current/sql-declare.html
import type { ReadPace, ReadPortion } from '../read-pace.ts'
import type { RawConnection } from './raw-connection.ts'

const cursor = 'sluice_range'
/** Of one FETCH, however much may be read. */
const rowsMax = 100_000

export function declareCursor(select: string): string {
  return `DECLARE ${cursor} NO SCROLL BINARY CURSOR FOR ${select}`
}

export class PacedFetch {
  readonly #connection: RawConnection
  readonly #pace: ReadPace
  #portion: ReadPortion | null = null
  #asked = 0
  #rows = 0
  #bytes = 0

  constructor(connection: RawConnection, pace: ReadPace) {
    this.#connection = connection
    this.#pace = pace
  }

  /** Asks for the next rows when there may be more. */
  async ask(signal: AbortSignal): Promise<void> {
    this.#portion = await this.#pace.next(signal)
    this.#asked = Math.min(this.#portion.records, rowsMax)
    this.#connection.sendQuery(`FETCH FORWARD ${this.#asked} FROM ${cursor}`)
  }

  /** A row came. */
  row(bytes: number): void {
    this.#rows++
    this.#bytes += bytes
  }

  /** All that was asked for is there, or the read ends. True when there are no more. */
  end(): boolean {
    if (this.#portion === null) return false
    const isLast = this.#rows < this.#asked
    this.#portion.spent(this.#rows, this.#bytes)
    this.#portion = null
    this.#rows = this.#bytes = 0
    return isLast
  }
}
