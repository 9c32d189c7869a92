// Decides how far a split may be acknowledged: the least position over its tables, never backwards.
import type { Position } from '#catalog/position.ts'
import type { Source, Split } from '#connectors/connector.ts'

export class Acknowledger {
  readonly #source: Pick<Source, 'acknowledge' | 'compare'>
  readonly #split: Split
  readonly #committed = new Map<string, Position>()
  #acknowledged: Position | null = null
  #sending: Promise<void> | null = null

  /** `held`: what the target holds per table at the start; a table without a position holds everything back. */
  constructor(
    source: Pick<Source, 'acknowledge' | 'compare'>,
    split: Split,
    held: ReadonlyMap<string, Position>,
  ) {
    this.#source = source
    this.#split = split
    for (const [table, position] of held) this.#committed.set(table, position)
  }

  /** The least committed position over all tables of the split; null while one has none. */
  get floor(): Position | null {
    let least: Position | null = null
    for (const table of this.#split.tables) {
      const position = this.#committed.get(table)
      if (position === undefined) return null
      if (least === null || this.#source.compare(position, least) < 0) least = position
    }
    return least
  }

  /** A table's commit moved the split on: tell the source when that moves the floor. */
  async committed(table: string, position: Position): Promise<void> {
    this.#committed.set(table, position)
    while (this.#sending) await this.#sending
    const floor = this.floor
    if (floor === null || floor === this.#acknowledged) return
    if (this.#acknowledged !== null && this.#source.compare(floor, this.#acknowledged) <= 0) return
    this.#acknowledged = floor
    this.#sending = this.#source.acknowledge(this.#split, floor).finally(() => {
      this.#sending = null
    })
    await this.#sending
  }
}
