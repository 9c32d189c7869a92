// What must hold at every moment, whatever the writers, the services, the network and the clocks do:
//
//   1. A reader sees, of every split, exactly the rows up to one committed position, each once: no row is lost,
//      doubled, or visible before its commit, and of a commit that spans splits it sees all or nothing. Of other
//      engines it sees what they committed, each row once.
//   2. Positions never go back.
//   3. Each instant of ours that appears on the timeline completes later than all of ours that appeared before it, so
//      that an incremental reader that asks "since the last time" misses nothing. An instant that left never returns.
//   4. The source is never told of a position that is not committed and visible.
//   5. As of every instant within the retention a reader sees what was committed under it and earlier ones.
//
// The checks read the raw objects: the journal's entries as JSON, the table through table-reader.ts.
import type { Positions, RawEntry } from './commit-log.ts'
import { CommitLog } from './commit-log.ts'
import { readTable } from './table-reader.ts'
import type { Checks } from './world.ts'

export class Violation extends Error {
  override readonly name = 'Violation'
}

/** States of the past are read anew after so many changes of the store. */
const travelEvery = 48
/** So many of them. */
const statesMax = 6

export interface InvariantOptions {
  /** The earliest instant whose state must be readable at the moment. */
  retainedFrom: () => string
}

export class Invariants implements Checks {
  readonly #objects: ReadonlyMap<string, Uint8Array>
  readonly #retainedFrom: () => string
  readonly #furthest = new Map<string, number>()
  /** All that ever were complete, and those that left the timeline since. */
  readonly #completed = new Map<string, string>()
  readonly #trimmed = new Set<string>()
  readonly #log = new CommitLog()
  #lastCompletion = ''
  #changes = 0
  /** Positions of the newest entry whose instant a reader can see. */
  #visible: Positions = {}

  constructor(objects: ReadonlyMap<string, Uint8Array>, { retainedFrom }: InvariantOptions) {
    this.#objects = objects
    this.#retainedFrom = retainedFrom
  }

  /** Call after every change of the store. @throws Violation */
  check(): void {
    const committed = this.#readJournal()
    const { completed, rows } = readTable(this.#objects)
    this.#checkCompletions(completed)
    this.#visible =
      committed.instant === null || this.#completed.has(committed.instant.time)
        ? committed.positions
        : this.#visible
    this.#checkRows(rows)
    this.#checkNeverBack()
    if (++this.#changes % travelEvery === 0) this.#checkPast()
  }

  noteForeign(instant: string, rows: readonly string[]): void {
    this.#log.noteForeign(instant, rows)
  }

  /** @throws Violation when the source is told too early */
  checkAcknowledged(split: string, position: string): void {
    const visible = Number(this.#visible[split] ?? 0)
    if (Number(position) > visible)
      throw new Violation(`${split} acknowledged at ${position}, visible to ${visible}`)
  }

  /** @throws Violation unless every split has been read to its end */
  checkComplete(ends: ReadonlyMap<string, number>): void {
    this.check()
    this.#checkPast()
    for (const [split, end] of ends)
      if (Number(this.#visible[split] ?? 0) !== end)
        throw new Violation(`${split} ended at ${this.#visible[split]} of ${end}`)
  }

  #checkCompletions(completed: readonly { instant: string; completionTime: string }[]): void {
    const present = new Set(completed.map(({ instant }) => instant))
    if (present.size !== completed.length) throw new Violation('an instant stands twice on the timeline')
    for (const { instant, completionTime } of completed) {
      if (this.#trimmed.has(instant)) throw new Violation(`${instant} is back on the timeline`)
      if (this.#completed.has(instant)) continue
      this.#completed.set(instant, completionTime)
      if (this.#log.isForeign(instant)) continue
      // Where the timeline keeps no completion times (layout 1) there is no order to keep.
      if (completionTime !== instant && completionTime <= this.#lastCompletion)
        throw new Violation(`${instant} completed at ${completionTime}, not after ${this.#lastCompletion}`)
      if (completionTime > this.#lastCompletion) this.#lastCompletion = completionTime
    }
    for (const instant of this.#completed.keys()) if (!present.has(instant)) this.#trimmed.add(instant)
  }

  /** The newest entry; an empty one before there is any. */
  #readJournal(): RawEntry {
    let newest: Uint8Array | null = null
    let newestPath = ''
    for (const [path, bytes] of this.#objects)
      if (path.startsWith('.hoodie/.sluice/journal/') && path > newestPath)
        [newestPath, newest] = [path, bytes]
    if (newest === null) return { seq: -1, instant: null, positions: this.#visible }
    const entry = entryOf(newest)
    this.#log.note(entry)
    return entry
  }

  /** Every row of every completed commit, once; and of the splits exactly those up to the committed positions. */
  #checkRows(rows: readonly string[]): void {
    const expected = new Set(this.#log.rowsOf(this.#completed.keys()))
    compare(rows, expected, 'now')
    const counts = new Map<string, number>()
    for (const row of expected) {
      const split = row.slice(0, row.indexOf(':'))
      counts.set(split, (counts.get(split) ?? 0) + 1)
    }
    for (const [split, position] of Object.entries(this.#visible))
      if (!split.startsWith('idle/') && (counts.get(split) ?? 0) !== Number(position))
        throw new Violation(
          `${counts.get(split)} rows of ${split} are committed, its position is ${position}`,
        )
  }

  #checkPast(): void {
    const from = this.#retainedFrom()
    const instants = [...this.#completed.keys()].sort()
    const within = instants.filter(instant => instant >= from)
    const step = Math.max(1, Math.floor(within.length / statesMax))
    for (let at = this.#changes % step; at < within.length; at += step) {
      const asOf = within[at]!
      const expected = new Set(this.#log.rowsOf(instants.filter(instant => instant <= asOf)))
      compare(readTable(this.#objects, asOf).rows, expected, `as of ${asOf}`)
    }
  }

  #checkNeverBack(): void {
    for (const [split, furthest] of this.#furthest)
      if (Number(this.#visible[split] ?? 0) < furthest)
        throw new Violation(`${split} went back from ${furthest} to ${this.#visible[split]}`)
    for (const [split, position] of Object.entries(this.#visible)) this.#furthest.set(split, Number(position))
  }
}

/** @throws Violation unless a reader sees each of these rows once, and no other */
function compare(rows: readonly string[], expected: ReadonlySet<string>, when: string): void {
  const seen = new Set<string>()
  for (const row of rows) {
    if (seen.has(row)) throw new Violation(`row ${row} is there twice, ${when}`)
    if (!expected.has(row)) throw new Violation(`row ${row} is visible and not committed, ${when}`)
    seen.add(row)
  }
  for (const row of expected) if (!seen.has(row)) throw new Violation(`row ${row} is lost, ${when}`)
}

const entries = new WeakMap<Uint8Array, RawEntry>()

function entryOf(bytes: Uint8Array): RawEntry {
  let entry = entries.get(bytes)
  if (entry === undefined) {
    entry = JSON.parse(Buffer.from(bytes).toString('utf8')) as RawEntry
    entries.set(bytes, entry)
  }
  return entry
}
