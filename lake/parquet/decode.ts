// Parquet files to columns, whoever wrote them. The footer and the rarer encodings are hyparquet's; pages go
// straight into our vectors, one row group at a time, so memory stays near one row group. Page checksums are
// verified where the writer left them.
import type { ColumnMetaData, FileMetaData, RowGroup, SchemaElement } from 'hyparquet'
import { assembleNested } from './assemble-nested.ts'
import { assemble } from './assemble.ts'
import type { NamedVector } from './encode.ts'
import { footerChecksumKey } from './footer-checksum.ts'
import type { RawChunk } from './read-chunk.ts'
import { chunkRange, readChunk } from './read-chunk.ts'
import { readFooter } from './read-footer.ts'
import type { ReadColumn, ReadLeaf } from './read-schema.ts'
import { readColumns } from './read-schema.ts'
import { columnBuilder } from '#catalog/column-builder.ts'
import { concatVectors } from '#catalog/concat.ts'
import type { ColumnVector } from '#catalog/column.ts'
import type { ErrorContext } from '#common/errors.ts'
import { DataError, SyncError } from '#common/errors.ts'

export interface ParquetColumns {
  rows: number
  columns: NamedVector[]
}

export interface DecodeOptions {
  /** Names of the columns to read; those the file lacks are left out. Undefined: all. */
  columns?: readonly string[]
  /** What errors say of the file: its path. */
  context?: ErrorContext
}

export interface OpenParquet {
  rows: number
  keyValues: Record<string, string>
  /** The columns that will be read, without rows. */
  emptyColumns(): NamedVector[]
  /** The rows in order, a row group at a time. Errors as decodeParquet. */
  slices(): Generator<ParquetColumns>
  /** As slices(); `pause` is awaited between columns, each of which may take some ten milliseconds. */
  pacedSlices(pause: () => Promise<void>): AsyncGenerator<ParquetColumns>
}

/**
 * The whole file.
 * @throws DataError LAKE_FILE_CORRUPT; LAKE_TYPE_UNSUPPORTED or LAKE_ENCODING_UNSUPPORTED when a column read has a
 * type that is not ours, or is stored in a way that is not known.
 */
export async function decodeParquet(
  bytes: Uint8Array,
  columns?: readonly string[],
  context: ErrorContext = {},
): Promise<ParquetColumns & { keyValues: Record<string, string> }> {
  const file = await openParquet(bytes, { ...(columns ? { columns } : {}), context })
  const slices = [...file.slices()]
  const first = slices[0]
  const joined = first?.columns.map((column, index) => ({
    ...column,
    vector: concatVectors(slices.map(slice => slice.columns[index]!.vector)),
  }))
  return { rows: file.rows, columns: joined ?? file.emptyColumns(), keyValues: file.keyValues }
}

/** Opens a file for reading piece by piece. */
export async function openParquet(bytes: Uint8Array, options: DecodeOptions = {}): Promise<OpenParquet> {
  const context = options.context ?? {}
  const file = new ParquetLayout(
    guarded(context, () => readFooter(bytes)),
    options,
  )
  const read = (index: number, group: RowGroup): NamedVector =>
    file.readColumn(index, group, ({ start, end }) => bytes.subarray(start, end))
  return {
    ...file.head(),
    *slices() {
      for (const group of file.groups)
        yield { rows: Number(group.num_rows), columns: file.wanted.map((_, index) => read(index, group)) }
    },
    async *pacedSlices(pause) {
      for (const group of file.groups) {
        const columns: NamedVector[] = []
        for (const index of file.wanted.keys()) {
          await pause()
          columns.push(read(index, group))
        }
        yield { rows: Number(group.num_rows), columns }
      }
    },
  }
}

/** What a file says of itself, and the columns of it that are wanted. */
export class ParquetLayout {
  readonly wanted: readonly ReadColumn[]
  readonly #metadata: FileMetaData
  readonly #context: ErrorContext

  /** @throws DataError LAKE_FILE_CORRUPT, LAKE_TYPE_UNSUPPORTED */
  constructor(metadata: FileMetaData, { columns, context = {} }: DecodeOptions) {
    this.#metadata = metadata
    this.#context = context
    this.wanted = guarded(context, () => readColumns(metadata)).filter(
      ({ name }) => columns === undefined || columns.includes(name),
    )
    for (const { name, node, leaves } of this.wanted)
      if (node === null)
        throw new DataError(`Column ${name} has a Parquet type that has no place here`, {
          code: 'LAKE_TYPE_UNSUPPORTED',
          context: { ...context, column: name, type: typeText(leaves[0]?.element) },
        })
  }

  get groups(): readonly RowGroup[] {
    return this.#metadata.row_groups
  }

  head(): Pick<OpenParquet, 'rows' | 'keyValues' | 'emptyColumns'> {
    return {
      rows: Number(this.#metadata.num_rows),
      keyValues: guarded(this.#context, () => keyValuesOf(this.#metadata)),
      emptyColumns: () => this.wanted.map(column => named(column, columnBuilder(column.node!.type).finish())),
    }
  }

  /** Where the wanted columns of a row group lie, in their order; the parts of one lie side by side. */
  ranges(group: RowGroup): ByteRange[] {
    return guarded(this.#context, () =>
      this.wanted.map(({ leaves }) => {
        const ranges = leaves.map(leaf => chunkRange(chunkOf(leaf, group)))
        const starts = ranges.map(({ start }) => start)
        const ends = ranges.map(({ end }) => end)
        return { start: Math.min(...starts), end: Math.max(...ends) }
      }),
    )
  }

  /** One of the wanted columns of a row group; `bytesAt` gives the bytes of a range, or fewer where the file ends. */
  readColumn(index: number, group: RowGroup, bytesAt: (range: ByteRange) => Uint8Array): NamedVector {
    const column = this.wanted[index]!
    return guarded({ ...this.#context, rowGroup: this.groups.indexOf(group), column: column.name }, () => {
      const rows = Number(group.num_rows)
      const read = (leaf: ReadLeaf): RawChunk => {
        const chunk = chunkOf(leaf, group)
        return readChunk(bytesAt(chunkRange(chunk)), leaf, chunk, rows)
      }
      const vector = vectorOf(column, read)
      if (vector.length !== Number(group.num_rows))
        throw new RangeError('a column has not as many rows as its group')
      return named(column, vector)
    })
  }
}

/** From `start` up to before `end`. */
export interface ByteRange {
  start: number
  end: number
}

function keyValuesOf({ key_value_metadata: pairs }: FileMetaData): Record<string, string> {
  const ofOthers = (pairs ?? []).filter(({ key }) => key !== footerChecksumKey)
  return Object.fromEntries(ofOthers.map(({ key, value }) => [key, value ?? '']))
}

function vectorOf({ node, leaves }: ReadColumn, read: (leaf: ReadLeaf) => RawChunk): ColumnVector {
  if (node!.kind === 'leaf') return assemble(node!.leaf, node!.type, read(node!.leaf))
  const chunks = new Map(leaves.map(leaf => [leaf, read(leaf)]))
  return assembleNested(node!, leaf => chunks.get(leaf)!)
}

/** The type of a column that is not ours, as far as its first leaf tells. */
function typeText(leaf: SchemaElement | undefined): string {
  return leaf?.logical_type?.type ?? leaf?.type ?? 'empty group'
}

function chunkOf({ path }: ReadLeaf, group: RowGroup): ColumnMetaData {
  const name = path.join('.')
  const chunk = group.columns.find(({ meta_data: data }) => data?.path_in_schema.join('.') === name)
  if (!chunk?.meta_data) throw new RangeError('a row group lacks a column')
  return chunk.meta_data
}

function named({ name, nullable }: ReadColumn, vector: ColumnVector): NamedVector {
  return { name, nullable, vector }
}

/** Whatever the bytes make the readers throw means that they are damaged. */
export function guarded<T>(context: ErrorContext, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof SyncError) throw cause
    throw new DataError(damageText(context), { code: 'LAKE_FILE_CORRUPT', context, cause })
  }
}

function damageText({ path, rowGroup, column }: ErrorContext): string {
  const file = path === undefined ? 'The Parquet file' : `The Parquet file ${path}`
  return rowGroup === undefined
    ? `${file} is damaged`
    : `${file} is damaged: column ${column}, row group ${rowGroup}`
}
