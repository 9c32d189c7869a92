// Instants as the history keeps them: rows of a Parquet file with the bytes their timeline files had. Schema
// HoodieLSMTimelineInstant.avsc.
import { BinaryBuilder, Int32Builder } from '#catalog/column-builder.ts'
import type { BinaryVector } from '#catalog/column.ts'
import { isNull } from '#catalog/column.ts'
import { DataError } from '#common/errors.ts'
import { openParquet } from '#lake/parquet/decode.ts'
import type { EncodeOptions, NamedVector } from '#lake/parquet/encode.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'
import type { InstantTime } from './instant.ts'

export interface ArchivedInstant {
  instant: InstantTime
  completionTime: InstantTime
  /** Of the completed instant: `commit` for a compaction. */
  action: string
  /** Bytes of the completed file; null when it was empty. */
  metadata: Uint8Array | null
  /** Bytes of the requested file of a table service; null when there was none. */
  plan: Uint8Array | null
}

const optional = (name: string, type: string): object => ({ name, type: ['null', type], default: null })

const avroSchema = {
  type: 'record',
  name: 'HoodieLSMTimelineInstant',
  namespace: 'org.apache.hudi.avro.model',
  fields: [
    optional('instantTime', 'string'),
    optional('completionTime', 'string'),
    optional('action', 'string'),
    optional('metadata', 'bytes'),
    optional('plan', 'bytes'),
    { name: 'version', type: 'int', default: 1 },
  ],
}

export const historyFileOptions: EncodeOptions = {
  compression: 'zstd',
  keyValues: { 'parquet.avro.schema': JSON.stringify(avroSchema), 'writer.model.name': 'avro' },
  // Commits may be large; whoever reads the file holds a row group.
  rowGroupRowsMax: 256,
}

export function encodeArchivedInstants(instants: readonly ArchivedInstant[]): Uint8Array {
  return encodeParquet(instantColumns(instants), instants.length, historyFileOptions)
}

function instantColumns(instants: readonly ArchivedInstant[]): NamedVector[] {
  const text = (): BinaryBuilder => new BinaryBuilder({ kind: 'string' })
  const bytes = (): BinaryBuilder => new BinaryBuilder({ kind: 'bytes' })
  const [time, completion, action, metadata, plan] = [text(), text(), text(), bytes(), bytes()]
  const version = new Int32Builder({ kind: 'int32' })
  for (const each of instants) {
    time.appendString(each.instant)
    completion.appendString(each.completionTime)
    action.appendString(each.action)
    appendBytes(metadata, each.metadata)
    appendBytes(plan, each.plan)
    version.append(1)
  }
  return [
    { name: 'instantTime', vector: time.finish(), nullable: true },
    { name: 'completionTime', vector: completion.finish(), nullable: true },
    { name: 'action', vector: action.finish(), nullable: true },
    { name: 'metadata', vector: metadata.finish(), nullable: true },
    { name: 'plan', vector: plan.finish(), nullable: true },
    { name: 'version', vector: version.finish(), nullable: false },
  ]
}

function appendBytes(builder: BinaryBuilder, value: Uint8Array | null): void {
  if (value === null) builder.appendNull()
  else builder.appendBytes(value, 0, value.length)
}

/** The columns of a file without rows. */
export function noInstants(): NamedVector[] {
  return instantColumns([])
}

/** The instants of a file, in its order. @throws DataError LAKE_FILE_CORRUPT */
export async function* decodeArchivedInstants(
  bytes: Uint8Array,
  path: string,
): AsyncGenerator<ArchivedInstant> {
  const file = await openParquet(bytes, { context: { path } })
  for (const { rows, columns } of file.slices()) {
    const column = (name: string): BinaryVector => textColumn(columns, name, path)
    const [time, completion, action] = [column('instantTime'), column('completionTime'), column('action')]
    const [metadata, plan] = [column('metadata'), column('plan')]
    for (let row = 0; row < rows; row++)
      yield {
        instant: textAt(time, row),
        completionTime: textAt(completion, row),
        action: textAt(action, row),
        metadata: bytesAt(metadata, row),
        plan: bytesAt(plan, row),
      }
  }
}

export type ArchivedHead = Pick<ArchivedInstant, 'instant' | 'completionTime' | 'action'>

/** The instants of a file without what they did. @throws DataError LAKE_FILE_CORRUPT */
export async function decodeArchivedHeads(bytes: Uint8Array, path: string): Promise<ArchivedHead[]> {
  const names = ['instantTime', 'completionTime', 'action']
  const file = await openParquet(bytes, { columns: names, context: { path } })
  const heads: ArchivedHead[] = []
  for (const { rows, columns } of file.slices()) {
    const [time, completion, action] = names.map(name => textColumn(columns, name, path)) as [
      BinaryVector,
      BinaryVector,
      BinaryVector,
    ]
    for (let row = 0; row < rows; row++)
      heads.push({
        instant: textAt(time, row),
        completionTime: textAt(completion, row),
        action: textAt(action, row),
      })
  }
  return heads
}

function textColumn(columns: readonly NamedVector[], name: string, path: string): BinaryVector {
  const vector = columns.find(each => each.name === name)?.vector
  if (vector?.layout === 'binary') return vector
  throw new DataError(`A file of the history has no column ${name}`, {
    code: 'LAKE_FILE_CORRUPT',
    context: { path },
  })
}

function textAt(vector: BinaryVector, row: number): string {
  return Buffer.from(bytesAt(vector, row) ?? []).toString('utf8')
}

function bytesAt(vector: BinaryVector, row: number): Uint8Array | null {
  return isNull(vector, row) ? null : vector.data.subarray(vector.offsets[row]!, vector.offsets[row + 1]!)
}
