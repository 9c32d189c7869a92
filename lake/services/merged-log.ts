// Several log files of a slice as one: the last record of each key, be it a row or a delete, each with its sequence. Rows
// take the instant of the new file as commit time.
import type { BinaryVector } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import { gather } from '#catalog/gather.ts'
import type { Column } from '#catalog/types.ts'
import type { AvroRecordSchema } from '#lake/avro/schema.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { conform } from '#lake/reader/conform.ts'
import type { LogStep } from '#lake/reader/log-reader.ts'
import type { LogRows } from '#lake/reader/merge.ts'
import { LogMerge, orderingsOf } from '#lake/reader/merge.ts'
import { keyColumn } from '#lake/reader/wanted-rows.ts'
import { encodeLogFile } from '#lake/table/log-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface LogShape {
  instant: InstantTime
  partitionPath: string
  /** With Hudi's own columns first. */
  columns: readonly Column[]
  /** The same. */
  avroSchema: AvroRecordSchema
  orderingField: string
}

/** @param steps all deletes among them with a sequence */
export function mergedLog(steps: readonly LogStep[], shape: LogShape): Uint8Array {
  const merge = new LogMerge('event')
  for (const [source, step] of steps.entries()) merge.addRows(recordsOf(source, step, shape))
  const rows: NamedVector[][] = []
  const deleted: { keys: BinaryVector; sequences: bigint[] }[] = []
  for (const [source, won] of merge.winners()) {
    const step = steps[source]!
    if (step.kind === 'rows') rows.push(pick(conform(step.rows.columns, step.rows.rows, shape.columns), won))
    else
      deleted.push({
        keys: gather(step.keys, won, won.length) as BinaryVector,
        sequences: [...won].map(row => step.orderings[row] as bigint),
      })
  }
  const count = rows.reduce((sum, [first]) => sum + first!.vector.length, 0)
  return encodeLogFile({
    instant: shape.instant,
    schema: shape.avroSchema,
    columns: count === 0 ? [] : joined(rows, count, shape),
    rows: count,
    compression: 'zstdSmall',
    deletes: deletesOf(deleted, shape.partitionPath),
  })
}

/** A delete counts as a record here: which of a key's records is the last is all that is asked. */
function recordsOf(source: number, step: LogStep, { orderingField }: LogShape): LogRows {
  if (step.kind === 'delete')
    return { source, keys: step.keys, orderings: step.orderings as LogRows['orderings'], isDeleted: null }
  const { columns, path } = step.rows
  const ordering = columns.find(({ name }) => name === orderingField)
  const orderings = ordering === undefined ? null : orderingsOf(ordering.vector)
  return { source, keys: keyColumn(columns, path), orderings, isDeleted: null }
}

function pick(columns: readonly NamedVector[], rows: Int32Array): NamedVector[] {
  return columns.map(column => ({ ...column, vector: gather(column.vector, rows, rows.length) }))
}

function joined(batches: readonly NamedVector[][], rows: number, shape: LogShape): NamedVector[] {
  return shape.columns.map(({ name }, index) => ({
    name,
    nullable: true,
    vector:
      name === '_hoodie_commit_time'
        ? constantStrings(shape.instant, rows)
        : concatVectors(batches.map(batch => batch[index]!.vector)),
  }))
}

const noKeys: BinaryVector = {
  layout: 'binary',
  type: { kind: 'string' },
  length: 0,
  nullCount: 0,
  validity: null,
  unchanged: null,
  offsets: new Int32Array(1),
  data: new Uint8Array(0),
}

function deletesOf(
  deleted: readonly { keys: BinaryVector; sequences: bigint[] }[],
  partitionPath: string,
): Parameters<typeof encodeLogFile>[0]['deletes'] {
  const sequences = BigInt64Array.from(deleted.flatMap(at => at.sequences))
  return {
    keys: deleted.length === 0 ? noKeys : (concatVectors(deleted.map(({ keys }) => keys)) as BinaryVector),
    sequences,
    rows: Int32Array.from({ length: sequences.length }, (_, row) => row),
    partitionPath,
  }
}
