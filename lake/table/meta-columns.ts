// Hudi's own five columns, which stand first in every base file and log record. All but the sequence number
// and the key are the same for every row of a file.
import type { BinaryVector } from '#catalog/column.ts'
import type { Column } from '#catalog/types.ts'
import { metaFields } from '#lake/avro/schema.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { TextBuffer } from '#lake/key/record-key.ts'

export interface FileRows {
  instant: InstantTime
  /** Tells the files of one commit apart in sequence numbers. */
  fileNumber: number
  partitionPath: string
  /** `_hoodie_file_name`: the file's own name in a base file, the file id in a log record. */
  fileName: string
  /** Null: the table has no key, each row is its own (`_hoodie_record_key` is its sequence number). */
  keys: BinaryVector | null
  rows: number
  /** Of these in the file, for their sequence numbers; 0 when absent. */
  firstRow?: number
}

export function metaColumns(file: FileRows): NamedVector[] {
  const { instant, rows } = file
  const sequenceNumbers = sequenceNumberColumn(file)
  return [
    nullable('_hoodie_commit_time', constantStrings(instant, rows)),
    nullable('_hoodie_commit_seqno', sequenceNumbers),
    nullable('_hoodie_record_key', file.keys ?? sequenceNumbers),
    nullable('_hoodie_partition_path', constantStrings(file.partitionPath, rows)),
    nullable('_hoodie_file_name', constantStrings(file.fileName, rows)),
  ]
}

/** The columns of a file: Hudi's own first. */
export function withMetaColumns(columns: readonly Column[]): Column[] {
  return [
    ...metaFields.map((name): Column => ({ name, type: { kind: 'string' }, nullable: true })),
    ...columns,
  ]
}

export function nullable(name: string, vector: NamedVector['vector']): NamedVector {
  return { name, vector, nullable: true }
}

/** `<instant>_<file number>_<row>`, unique in the table. */
function sequenceNumberColumn({ instant, fileNumber, rows, firstRow = 0 }: FileRows): BinaryVector {
  const prefix = Buffer.from(`${instant}_${fileNumber}_`)
  const text = new TextBuffer(rows * (prefix.length + String(firstRow + rows).length))
  const offsets = new Int32Array(rows + 1)
  for (let row = 0; row < rows; row++) {
    text.bytes(prefix, 0, prefix.length)
    text.integer(firstRow + row)
    offsets[row + 1] = text.end
  }
  return text.column(offsets)
}
