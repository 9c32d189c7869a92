// Which rows each commit brought: of ours by what the journal says the splits moved, of other engines by what they say
// themselves before they commit. From this follows what the table must hold at any committed point.
import { rowNames } from './world.ts'

/** What the checks need of a journal entry. */
export interface RawEntry {
  seq: number
  instant: { time: string; completionTime: string; action: string } | null
  positions: Record<string, string>
}

export type Positions = Readonly<Record<string, string>>

export class CommitLog {
  readonly #rows = new Map<string, readonly string[]>()
  readonly #foreign = new Set<string>()
  #seq = -1
  #positions: Positions = {}

  /** Call for each entry when it is the newest. */
  note({ seq, instant, positions }: RawEntry): void {
    if (seq <= this.#seq) return
    this.#seq = seq
    const rows = Object.entries(positions).flatMap(([split, to]) =>
      split.startsWith('idle/') ? [] : rowNames(split, Number(this.#positions[split] ?? 0), Number(to)),
    )
    this.#positions = positions
    if (instant !== null && rows.length > 0) this.#rows.set(instant.time, rows)
  }

  /** Another engine is about to commit these rows. */
  noteForeign(instant: string, rows: readonly string[]): void {
    this.#foreign.add(instant)
    this.#rows.set(instant, rows)
  }

  isForeign(instant: string): boolean {
    return this.#foreign.has(instant)
  }

  /** All rows of the commits of these instants. */
  rowsOf(instants: Iterable<string>): string[] {
    return [...instants].flatMap(instant => this.#rows.get(instant) ?? [])
  }
}
