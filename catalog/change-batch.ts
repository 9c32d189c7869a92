// The unit that travels from a source to a target: changes of one table, as columns. No per-row objects exist
// between the decoder and the encoder.
import type { ColumnVector } from './column.ts'
import { vectorBytes } from './column.ts'
import type { TableSchema } from './types.ts'

/** What happened to a row. A snapshot read is an insert. Stored as one byte per row. */
export const Operation = { insert: 0, update: 1, delete: 2 } as const
export type Operation = (typeof Operation)[keyof typeof Operation]

export interface ChangeBatch {
  schema: TableSchema
  length: number
  /** One vector per schema column, each of `length` rows. Of a delete only the key columns are meaningful. */
  columns: readonly ColumnVector[]
  /** Operation of each row, or null when every row is an insert of a key that occurs once in the batch. */
  operations: Uint8Array | null
  /**
   * Sequence of each row: orders the changes of one key for ever (`_sluice_seq`). Never decreases, along the
   * batch or from batch to batch, for one key. Commit LSN, binlog position, offset and time …
   */
  sequences: BigInt64Array
}

export function batchBytes(batch: ChangeBatch): number {
  let bytes = batch.length * 9
  for (const column of batch.columns) bytes += vectorBytes(column)
  return bytes
}
