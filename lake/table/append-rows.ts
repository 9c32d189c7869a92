// Rows of an append table: each staged batch becomes one base file in a file group of its own, so any number of
// writers never meet.
import type { Clock } from '#common/clock.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { AvroRecordSchema } from '#lake/avro/schema.ts'
import { encodeBaseFile } from './base-file.ts'
import { metaColumns } from './meta-columns.ts'
import { baseFileName, newFileId, newWriteToken } from './names.ts'
import type { StagedFile } from './staged-files.ts'

export interface AppendedRows {
  columns: readonly NamedVector[]
  rows: number
  instant: InstantTime
  fileNumber: number
  partitionPath: string
  /** With meta fields. */
  schema: AvroRecordSchema
}

export function appendedFile(appended: AppendedRows, clock: Clock): { file: StagedFile; bytes: Uint8Array } {
  const { columns, rows, instant, fileNumber, partitionPath } = appended
  const fileId = newFileId(clock)
  const fileName = baseFileName({ fileId, writeToken: newWriteToken(clock), instant })
  const meta = metaColumns({ instant, fileNumber, partitionPath, fileName, keys: null, rows })
  const bytes = encodeBaseFile([...meta, ...columns], rows, appended.schema)
  const stat = {
    fileId,
    path: partitionPath === '' ? fileName : `${partitionPath}/${fileName}`,
    prevCommit: 'null',
    partitionPath,
    fileSizeInBytes: bytes.length,
    totalWriteBytes: bytes.length,
    numWrites: rows,
    numInserts: rows,
  }
  return { file: { stat, kind: 'base', rows }, bytes }
}
