// Rows of an append table: each staged batch becomes one base file in each partition it has rows of, in a file group
// of its own, so any number of writers never meet.
import type { Clock } from '#common/clock.ts'
import { gather } from '#catalog/gather.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { encodeBaseFile } from './base-file.ts'
import { metaColumns } from './meta-columns.ts'
import { baseFileName, dataFilePath, newFileId, newWriteToken } from './names.ts'
import type { PartitionRule } from '#lake/partition/partition-rule.ts'
import { PartitionNumbers, partitionRows } from '#lake/partition/partition-values.ts'
import type { PendingCommit } from './pending-commit.ts'
import type { StagedFile } from './staged-files.ts'

/** Rows for one file. */
export interface AppendedRows {
  columns: readonly NamedVector[]
  rows: number
  partitionPath: string
}

/** The rows by partition, in the order of the paths. */
export function piecesByPartition(
  { columns: given, rows }: Pick<AppendedRows, 'columns' | 'rows'>,
  rules: readonly PartitionRule[] = [],
): AppendedRows[] {
  if (rules.length === 0) return [{ columns: given, rows, partitionPath: '' }]
  const numbers = new PartitionNumbers()
  const { columns, partitions } = partitionRows(given, rows, rules, numbers)
  const { paths } = numbers
  if (paths.length === 1) return [{ columns, rows, partitionPath: paths[0]! }]
  const rowsOf: number[][] = paths.map(() => [])
  for (let row = 0; row < rows; row++) rowsOf[partitions[row]!]!.push(row)
  const pieces = paths.map((partitionPath, partition) => {
    const chosen = Int32Array.from(rowsOf[partition]!)
    const pick = ({ vector }: NamedVector): NamedVector['vector'] => gather(vector, chosen, chosen.length)
    return {
      columns: columns.map(column => ({ ...column, vector: pick(column) })),
      rows: chosen.length,
      partitionPath,
    }
  })
  return pieces.toSorted((a, b) => (a.partitionPath < b.partitionPath ? -1 : 1))
}

export function appendedFile(
  { columns, rows, partitionPath }: AppendedRows,
  pending: PendingCommit,
  clock: Clock,
): { file: StagedFile; bytes: Uint8Array } {
  const { instant, avroSchema } = pending
  const fileId = newFileId(clock)
  const fileName = baseFileName({ fileId, writeToken: newWriteToken(clock), instant })
  const fileNumber = pending.nextFileNumber()
  const meta = metaColumns({ instant, fileNumber, partitionPath, fileName, keys: null, rows })
  const bytes = encodeBaseFile([...meta, ...columns], rows, avroSchema)
  const stat = {
    fileId,
    path: dataFilePath(partitionPath, fileName),
    prevCommit: 'null',
    partitionPath,
    fileSizeInBytes: bytes.length,
    totalWriteBytes: bytes.length,
    numWrites: rows,
    numInserts: rows,
  }
  return { file: { stat, kind: 'base', rows }, bytes }
}
