// Data blocks: rows that were inserted or changed, as Avro records or as a whole Parquet file.
import { encodeBlock, HeaderKey } from './block.ts'
import { encodeRecords } from '#lake/avro/records.ts'
import type { EncodeOptions, NamedVector } from '#lake/parquet/encode.ts'
import { parquetParts } from '#lake/parquet/encode.ts'
import { gather } from '#catalog/gather.ts'

export interface DataBlock {
  instant: string
  /** The Avro schema of the columns, meta fields included, as text. */
  schema: string
  /** In the order of the schema. */
  columns: readonly NamedVector[]
  /** The rows to take; null: the first `count`. */
  rows?: Int32Array | null
  count: number
  /** Undefined: Avro records. */
  parquet?: EncodeOptions
}

export function encodeDataBlock(block: DataBlock): Buffer {
  return encodeBlock(
    block.parquet ? 'parquet' : 'avro',
    [
      [HeaderKey.instantTime, block.instant],
      [HeaderKey.schema, block.schema],
    ],
    block.parquet
      ? parquetContent(block, block.parquet)
      : encodeRecords(block.columns, block.rows ?? null, block.count),
  )
}

function parquetContent({ columns, rows, count }: DataBlock, options: EncodeOptions): Uint8Array[] {
  const taken = rows
    ? columns.map(column => ({ ...column, vector: gather(column.vector, rows, count) }))
    : columns
  return parquetParts(taken, count, options)
}
