// How far a reader has come. The target keeps positions together with the rows they stand for; that is what
// makes a sync exactly-once.

/** A place in a split, as its connector writes it. Only that connector reads or compares it. */
export type Position = string

/** Where the splits of one table stand: split id -> position. */
export type Positions = ReadonlyMap<string, Position>

/**
 * Beside the splits of a table, what a person asked for when it was last begun anew: the `id` of a SyncJob's `resync`. It
 * is no split: no source is told of it.
 */
export const resyncMark = 'resync'

/** A split's step forward, made in the same atomic step as its rows. */
export interface PositionMove {
  split: string
  /** What the target held when reading began: the fence. Null: it held none. */
  from: Position | null
  /** Null: the split is finished and forgotten. */
  to: Position | null
}
