// Instants that no other writer of the table has, without a request for each. Data files carry their instant in
// the name and are visible as soon as an instant of that time is complete: were two writers to take the same
// millisecond, what one of them staged and never committed would show up with the commit of the other.
//
// So a writer reserves, by create-if-absent, one of 100 residues of a minute, and uses only milliseconds of that
// minute with this residue: `.hoodie/.sluice/instants/<yyyyMMddHHmm>-<residue, 2 digits>`. Reservations before the
// journal's instant floor are removed when the journal is trimmed.
//
// Of these the last one that is not ahead of the clock, where there is one: other engines take the time as it is, and
// one that begins after our commit must find an instant later than ours (complete-instant.ts).
import type { Clock } from '#common/clock.ts'
import { TransientError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { formatInstant, parseInstant } from '#lake/timeline/instant.ts'

const residues = 100
const minuteMs = 60_000
/** A reservation that took longer than this is not used: a paused writer must not take a minute long gone. */
const staleMs = 5 * minuteMs

export const reservationFolder = '.hoodie/.sluice/instants/'

interface Reservation {
  /** Minutes since the epoch. */
  minute: number
  residue: number
}

export class InstantAllocator {
  readonly #store: ObjectStore
  readonly #clock: Clock
  #reserved: Reservation | null = null
  #lastMs = 0

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** A fresh instant after the given one, near the present. @throws TransientError */
  async next(after: InstantTime): Promise<InstantTime> {
    for (;;) {
      const atLeastMs = Math.max(parseInstant(after), this.#lastMs) + 1
      const presentMs = Math.max(this.#clock.nowMs(), atLeastMs)
      const found = this.#reserved && instantOf(this.#reserved, presentMs, atLeastMs)
      if (found !== null) {
        this.#lastMs = found
        return formatInstant(found)
      }
      this.#reserved = await this.#reserve(presentMs)
    }
  }

  /** Reserves a residue of the minute, or of the next one when all of it are taken. */
  async #reserve(presentMs: number): Promise<Reservation | null> {
    const startedMs = this.#clock.nowMs()
    const first = Math.floor(this.#clock.random() * residues)
    // Of the last 100 ms of a minute some residues are past: the minute after always has room.
    const minute = Math.floor((presentMs + residues) / minuteMs)
    for (const at of [minute, minute + 1, minute + 2])
      for (let i = 0; i < residues; i++) {
        const residue = (first + i) % residues
        const taken = await this.#store.putIfAbsent(reservationPath(at, residue), new Uint8Array(0))
        if (this.#clock.nowMs() - startedMs > staleMs) return null
        if (taken) return { minute: at, residue }
      }
    throw new TransientError('Too many writers opened the table within a minute', {
      code: 'STORAGE_UNAVAILABLE',
      context: { store: this.#store.url },
    })
  }
}

/**
 * The millisecond of the reservation that is nearest to the present: not after it, unless that is earlier than
 * `atLeastMs` or than the reservation's minute. Null when none is left.
 */
function instantOf({ minute, residue }: Reservation, presentMs: number, atLeastMs: number): number | null {
  const startMs = minute * minuteMs
  const fromMs = Math.max(presentMs, startMs)
  const before = fromMs - ((fromMs - residue) % residues)
  const ms = before >= Math.max(atLeastMs, startMs) ? before : before + residues
  return ms < startMs + minuteMs ? ms : null
}

function reservationPath(minute: number, residue: number): string {
  const prefix = formatInstant(minute * minuteMs).slice(0, 12)
  return `${reservationFolder}${prefix}-${String(residue).padStart(2, '0')}`
}

/** Paths that sort before this one are reservations of minutes wholly before the instant. */
export function reservationBound(instant: InstantTime): string {
  return `${reservationFolder}${instant.slice(0, 12)}`
}
