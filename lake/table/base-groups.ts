// The row groups of a base file that is rewritten: each column is unpacked when it is asked for, or given as it is
// stored, for who changes nothing of it.
import type { RowGroup } from 'hyparquet'
import type { ColumnVector } from '#catalog/column.ts'
import type { Column } from '#catalog/types.ts'
import { typesEqual } from '#catalog/types.ts'
import type { ErrorContext } from '#common/errors.ts'
import type { ColumnChunk } from '#lake/parquet/column-chunk.ts'
import { guarded, ParquetLayout } from '#lake/parquet/decode.ts'
import type { Compression } from '#lake/parquet/format.ts'
import { readFooter } from '#lake/parquet/read-footer.ts'
import { StoredChunks } from '#lake/parquet/stored-chunks.ts'
import { conform } from '#lake/reader/conform.ts'

/** Row groups of less, encoded but not compressed, are joined with others. */
const smallBytes = 512 << 10
/** … and those of so much fewer rows than the largest of the file. */
const smallShare = 4

export interface BaseGroup {
  rows: number
  /** Whether it had better be joined with others. */
  isSmall: boolean
  /** By number among the columns asked for, in their types. A column the file lacks is all null. */
  column(index: number): ColumnVector
  /** The column as it is stored; null when it has to be encoded anew. */
  stored(index: number, compression: Compression): ColumnChunk | null
}

/** @throws DataError LAKE_FILE_CORRUPT, LAKE_TYPE_UNSUPPORTED; the groups throw the same */
export function baseGroups(
  bytes: Uint8Array,
  columns: readonly Column[],
  context: ErrorContext,
): BaseGroup[] {
  const layout = new ParquetLayout(
    guarded(context, () => readFooter(bytes)),
    { columns: columns.map(({ name }) => name), context },
  )
  const chunks = guarded(context, () => new StoredChunks(bytes, layout.groups))
  const rowsMax = layout.groups.reduce((most, group) => Math.max(most, Number(group.num_rows)), 0)
  return layout.groups.map((group, at): BaseGroup => {
    const rows = Number(group.num_rows)
    return {
      rows,
      isSmall: rows < rowsMax / smallShare || Number(group.total_byte_size) < smallBytes,
      column: index => readColumn({ bytes, layout, group }, columns[index]!, rows),
      stored: (index, compression) => {
        const { name, type } = columns[index]!
        const inFile = layout.wanted.find(column => column.name === name)
        if (inFile === undefined || !inFile.nullable || !typesEqual(inFile.type!, type)) return null
        return guarded({ ...context, column: name }, () => chunks.chunk(at, name, compression))
      },
    }
  })
}

function readColumn(
  from: { bytes: Uint8Array; layout: ParquetLayout; group: RowGroup },
  column: Column,
  rows: number,
): ColumnVector {
  const { bytes, layout, group } = from
  const index = layout.wanted.findIndex(({ name }) => name === column.name)
  const read =
    index < 0 ? [] : [layout.readColumn(index, group, ({ start, end }) => bytes.subarray(start, end))]
  return conform(read, rows, [column])[0]!.vector
}
