// Stages rows of an append table: a file for each partition they go to.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import { gatherBatch } from '#catalog/gather.ts'
import type { Clock } from '#common/clock.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { appendedFile, piecesByPartition } from './append-rows.ts'
import type { Duplicates } from './duplicates.ts'
import type { PartitionRule } from '#lake/partition/partition-rule.ts'
import type { PendingCommit } from './pending-commit.ts'
import { storedColumns, truncateRow } from './rows.ts'

export interface AppendContext {
  pending: PendingCommit
  clock: Clock
  partitionBy: readonly PartitionRule[] | undefined
  /** Makes these folders partitions of the table. */
  makePartitions: (paths: readonly string[]) => Promise<void>
  /** Null: every row is kept. */
  duplicates: Duplicates | null
}

/** @param truncate a row of its own says that all earlier rows are gone */
export async function stageAppend(
  batch: ChangeBatch,
  truncate: { sequence: bigint } | null,
  context: AppendContext,
): Promise<void> {
  const { pending, duplicates } = context
  const { columns } = pending.schema
  if (truncate !== null) await append(truncateRow(pending.schema, truncate.sequence), 1, context)
  if (batch.length === 0) return
  const stored = storedColumns(batch, columns)
  const kept = duplicates === null ? null : await duplicates.keep(stored, batch.length, pending.instant)
  if (kept === null) return append(stored, batch.length, context)
  if (kept.length > 0)
    await append(storedColumns(gatherBatch(batch, kept, kept.length), columns), kept.length, context)
}

async function append(
  columns: readonly NamedVector[],
  rows: number,
  { pending, clock, partitionBy, makePartitions }: AppendContext,
): Promise<void> {
  const pieces = piecesByPartition({ columns, rows }, partitionBy)
  await makePartitions(pieces.map(({ partitionPath }) => partitionPath))
  for (const piece of pieces) {
    const { file, bytes } = appendedFile(piece, pending, clock)
    await pending.add(file, bytes, { group: file.stat.fileId, as: null })
  }
}
