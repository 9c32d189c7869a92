// What the newest journal entry says of the table.
import type { JournalEntry } from './entry.ts'
import type { Positions } from '#catalog/position.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { laterInstant } from '#lake/timeline/instant.ts'

export interface TableState {
  /** Number of the newest entry; what is staged now is staged against it. */
  seq: number
  positions: Positions
  /** The columns as stored, the ordering field among them. */
  schema: TableSchema
  schemaVersion: number
  schemaId: string
  /** The latest instant and completion time known, other engines' included. */
  lastInstant: InstantTime
  lastCompletionTime: InstantTime
  /** Steps staged under an earlier instant are refused. */
  instantFloor: InstantTime
}

/** Times of instants that other engines wrote to the timeline. */
export interface ForeignTimes {
  instant: InstantTime
  completionTime: InstantTime
}

export function stateAfter(entry: JournalEntry, schema: TableSchema, foreign: ForeignTimes): TableState {
  return {
    seq: entry.seq,
    positions: new Map(Object.entries(entry.positions)),
    schema,
    schemaVersion: entry.schemaVersion,
    schemaId: entry.schemaId,
    lastInstant: laterInstant(entry.lastInstant, foreign.instant),
    lastCompletionTime: laterInstant(entry.lastCompletionTime, foreign.completionTime),
    instantFloor: entry.instantFloor,
  }
}
