// Row groups that are large enough to keep their shape: what is copied as it is stored, what is not, and that another
// implementation of Parquet reads the result.
import { expect } from 'chai'
import { parquetMetadata } from 'hyparquet'
import type { ColumnMetaData, FileMetaData } from 'hyparquet'
import type { TableSchema } from '#catalog/types.ts'
import { DataError } from '#common/errors.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { arrowColumns } from '../parquet/arrow-oracle.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { inOrder, TableModel } from './model.ts'
import type { RowChange, Value } from './vectors.ts'
import { batchOf } from './vectors.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'code', type: { kind: 'string' }, nullable: true },
    { name: 'fixed', type: { kind: 'string' }, nullable: true },
    { name: 'price', type: { kind: 'decimal', precision: 12, scale: 2 }, nullable: true },
    { name: 'at', type: { kind: 'timestamp' }, nullable: true },
    { name: 'tags', type: { kind: 'list', element: { kind: 'string' } }, nullable: true },
  ],
  key: ['id'],
}
const signal = new AbortController().signal
const rowsOfBase = 4_000

/** Values of a row; `fixed` and `at` follow from its id alone, and every fifth is null. */
function rowOf(id: number, round: number): Readonly<Record<string, Value>> {
  const mixed = Math.imul(id + round * 7919, 0x9e3779b1) >>> 0
  return {
    id,
    code: `${mixed.toString(36)}-${(mixed * 31).toString(36)}`,
    fixed: id % 5 === 0 ? null : `fixed ${Math.imul(id, 0x85ebca6b) >>> 0} `.repeat(10),
    price: id % 5 === 0 ? null : BigInt(mixed),
    at: id % 5 === 0 ? null : BigInt(id) * 1_000_003n,
    tags: id % 7 === 0 ? null : [`t${mixed % 9}`, null],
  }
}

function changesOf(ids: readonly number[], round: number): RowChange[] {
  return ids.map(id => ({ op: 'update', seq: round, row: rowOf(id, round) }))
}

interface BaseFile {
  bytes: Uint8Array
  metadata: FileMetaData
}

class BigTable {
  readonly store = new MemoryStore()
  readonly clock = fixedClock()
  readonly model = new TableModel(schema)
  #writer: TableWriter | null = null

  /** Returns the base file the commit left. */
  async write(changes: RowChange[]): Promise<BaseFile> {
    const { store, clock } = this
    const wanted = { name: 't', schema, estimatedBytes: 0, buckets: 1, version: 8, policy: 'evolve' } as const
    this.#writer ??= await openTable(
      { ...wanted, tableType: 'COPY_ON_WRITE' },
      { store, clock, writer: 'test', signal },
    )
    clock.nowAtMs += 1000
    this.model.apply(changes)
    await this.#writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
    await this.#writer.commit([], {}, signal)
    return this.newest()
  }

  async newest(): Promise<BaseFile> {
    const files = (await listDataFiles(this.store)).toSorted((a, b) => (a.instant < b.instant ? -1 : 1))
    const bytes = (await this.store.get(files.at(-1)!.path))!
    const whole = new Uint8Array(bytes)
    return { bytes, metadata: parquetMetadata(whole.buffer, { geoparquet: false }) }
  }

  async expectRows(): Promise<void> {
    const rows: CanonicalRow[] = []
    for await (const batch of (await TableReader.open(this.store)).read()) rows.push(...canonicalRows(batch))
    // Texts: a difference among so many rows is not to be shown whole.
    const wanted = this.model.rows().map(canonicalJson)
    const found = inOrder(rows).map(canonicalJson)
    expect(found.length).to.equal(wanted.length)
    expect(found.findIndex((text, row) => text !== wanted[row])).to.equal(-1)
  }
}

function chunkOf({ metadata }: BaseFile, group: number, column: string): ColumnMetaData {
  const { columns } = metadata.row_groups[group]!
  return columns.find(({ meta_data: data }) => data!.path_in_schema[0] === column)!.meta_data!
}

function chunkBytes(file: BaseFile, group: number, column: string): Buffer {
  const chunk = chunkOf(file, group, column)
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset)
  return Buffer.from(file.bytes.subarray(start, start + Number(chunk.total_compressed_size)))
}

describe('the rewrite of a large base file', () => {
  let table: BigTable
  let before: BaseFile
  const all = Array.from({ length: rowsOfBase }, (_, id) => id)
  beforeEach(async () => {
    table = new BigTable()
    before = await table.write(changesOf(all, 1))
  })

  it('copies columns in which nothing changes, with what the footer says of them', async () => {
    const after = await table.write(changesOf([3, 2000, 2001, 3_999], 2))
    await table.expectRows()
    for (const column of ['id', 'fixed', 'at', '_hoodie_record_key']) {
      expect(chunkBytes(after, 0, column).equals(chunkBytes(before, 0, column)), column).to.equal(true)
      const [then, now] = [chunkOf(before, 0, column), chunkOf(after, 0, column)]
      expect(now.statistics, column).to.deep.equal(then.statistics)
      expect(now.encoding_stats, column).to.deep.equal(then.encoding_stats)
      expect(now.num_values, column).to.equal(then.num_values)
    }
    expect(chunkBytes(after, 0, 'code').equals(chunkBytes(before, 0, 'code'))).to.equal(false)
  })

  it('leaves a file that another implementation reads alike', async () => {
    const after = await table.write(changesOf([3, 2000, 3_999], 2))
    const byName = new Map(arrowColumns(after.bytes).map(({ name, vector }) => [name, vector]))
    const rows = canonicalRows({
      rows: rowsOfBase,
      columns: [...schema.columns, { name: '_sluice_seq' }].map(({ name }) => ({
        name,
        vector: byName.get(name)!,
        nullable: true,
      })),
    })
    const wanted = table.model.rows().map(canonicalJson)
    expect(inOrder(rows).findIndex((row, at) => canonicalJson(row) !== wanted[at])).to.equal(-1)
  })

  it('keeps row groups that lose no row, and joins the others with new rows', async () => {
    const added = Array.from({ length: 200 }, (_, at) => rowsOfBase + at)
    const second = await table.write(changesOf(added, 2))
    expect(second.metadata.row_groups.map(group => Number(group.num_rows))).to.deep.equal([rowsOfBase, 200])
    expect(chunkBytes(second, 0, 'code').equals(chunkBytes(before, 0, 'code'))).to.equal(true)
    const third = await table.write([
      ...changesOf([rowsOfBase + 300], 3),
      { op: 'delete', seq: 3, row: { id: rowsOfBase + 1 } },
    ])
    expect(third.metadata.row_groups.map(group => Number(group.num_rows))).to.deep.equal([rowsOfBase, 200])
    const fourth = await table.write([{ op: 'delete', seq: 4, row: { id: 7 } }])
    const groups = fourth.metadata.row_groups.map(group => Number(group.num_rows))
    expect(groups.reduce((sum, rows) => sum + rows, 0)).to.equal(rowsOfBase - 1 + 200)
    await table.expectRows()
  })

  it('is refused by a damaged page, even of a column it would only copy', async () => {
    const { path } = (await listDataFiles(table.store))[0]!
    const damaged = new Uint8Array(before.bytes)
    const chunk = chunkOf(before, 0, 'fixed')
    damaged[Number(chunk.data_page_offset) + Number(chunk.total_compressed_size) - 100]! ^= 1
    await table.store.put(path, damaged)
    const failed = await table.write(changesOf([3], 2)).catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(DataError)
    expect((failed as DataError).code).to.equal('LAKE_FILE_CORRUPT')
  })
})
