// What must hold at every moment, whatever the writers, the network and the clocks do:
//
//   1. A reader sees, of every split, exactly the rows up to one committed position, each once: no row is lost,
//      doubled, or visible before its commit, and of a commit that spans splits it sees all or nothing.
//   2. Positions never go back.
//   3. Each instant that appears on the timeline completes later than all that appeared before it, so that an
//      incremental reader that asks "since the last time" misses nothing.
//   4. The source is never told of a position that is not committed and visible.
//
// The checks read the raw objects: the journal's entries as JSON, the table through table-reader.ts.
import { readTable } from './table-reader.ts'
import type { Checks } from './world.ts'

export class Violation extends Error {
  override readonly name = 'Violation'
}

/** What the checks need of a journal entry. */
interface RawEntry {
  instant: { time: string; completionTime: string; action: string } | null
  positions: Record<string, string>
}

type Positions = Readonly<Record<string, string>>

export class Invariants implements Checks {
  readonly #objects: ReadonlyMap<string, Uint8Array>
  readonly #furthest = new Map<string, number>()
  readonly #completed = new Map<string, string>()
  #lastCompletion = ''
  /** Positions of the newest entry whose instant a reader can see. */
  #visible: Positions = {}

  constructor(objects: ReadonlyMap<string, Uint8Array>) {
    this.#objects = objects
  }

  /** Call after every change of the store. @throws Violation */
  check(): void {
    const { completed, rows } = readTable(this.#objects)
    this.#checkCompletions(completed)
    const committed = this.#committed()
    this.#checkRows(rows, committed)
    this.#checkNeverBack(committed)
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
    for (const [split, end] of ends)
      if (Number(this.#visible[split] ?? 0) !== end)
        throw new Violation(`${split} ended at ${this.#visible[split]} of ${end}`)
  }

  #checkCompletions(completed: readonly { instant: string; completionTime: string }[]): void {
    const fresh = completed.filter(({ instant }) => !this.#completed.has(instant))
    for (const { instant, completionTime } of fresh) {
      // Where the timeline keeps no completion times (layout 1) there is no order to keep.
      if (completionTime !== instant && completionTime <= this.#lastCompletion)
        throw new Violation(`${instant} completed at ${completionTime}, not after ${this.#lastCompletion}`)
      this.#completed.set(instant, completionTime)
      if (completionTime > this.#lastCompletion) this.#lastCompletion = completionTime
    }
    if (completed.length !== this.#completed.size)
      throw new Violation('an instant stands twice on the timeline, or is gone')
  }

  /** Positions a reader must see: the newest entry's, or those before it while its instant is not on the timeline. */
  #committed(): Positions {
    let newest: Uint8Array | null = null
    let newestPath = ''
    for (const [path, bytes] of this.#objects)
      if (path.startsWith('.hoodie/.sluice/journal/') && path > newestPath)
        [newestPath, newest] = [path, bytes]
    if (newest === null) return this.#visible
    const { instant, positions } = entryOf(newest)
    if (instant === null || this.#completed.has(instant.time)) this.#visible = positions
    return this.#visible
  }

  #checkRows(rows: readonly string[], committed: Positions): void {
    const seen = new Map<string, Set<number>>()
    for (const row of rows) {
      const [split, number] = row.split(':') as [string, string]
      const numbers = seen.get(split) ?? new Set()
      seen.set(split, numbers)
      if (numbers.has(Number(number))) throw new Violation(`row ${row} is there twice`)
      numbers.add(Number(number))
    }
    for (const split of new Set([...seen.keys(), ...Object.keys(committed)])) {
      if (split.startsWith('idle/')) continue
      const numbers = seen.get(split) ?? new Set()
      const position = Number(committed[split] ?? 0)
      for (let number = 0; number < position; number++)
        if (!numbers.has(number))
          throw new Violation(`row ${split}:${number} is lost, committed to ${position}`)
      if (numbers.size > position)
        throw new Violation(`${numbers.size} rows of ${split} are visible, committed to ${position}`)
    }
  }

  #checkNeverBack(committed: Positions): void {
    for (const [split, furthest] of this.#furthest)
      if (Number(committed[split] ?? 0) < furthest)
        throw new Violation(`${split} went back from ${furthest} to ${committed[split]}`)
    for (const [split, position] of Object.entries(committed)) this.#furthest.set(split, Number(position))
  }
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
