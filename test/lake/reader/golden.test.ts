import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#common/clock.ts'
import type { ReadOptions } from '#lake/reader/table-reader.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openStore } from '#lake/storage/open.ts'
import { canonicalJson, hashRows } from '#test/bed/canonical.ts'
import type { CanonicalRow, CanonicalValue } from '#test/bed/canonical.ts'
import { goldenExpectation, goldenTables, unpackGolden } from '#test/golden/unpack.ts'
import { canonicalRows } from './canonical.ts'

async function readAll(reader: TableReader, options: ReadOptions): Promise<CanonicalRow[]> {
  const rows: CanonicalRow[] = []
  for await (const batch of reader.read(options)) rows.push(...canonicalRows(batch))
  return rows
}

function ids(rows: readonly CanonicalRow[]): string[] {
  return rows.map(row => row['id'] as string).toSorted()
}

function texts(rows: readonly CanonicalRow[], columns: readonly string[]): string[] {
  const only = (row: CanonicalRow): CanonicalRow =>
    Object.fromEntries(columns.map(name => [name, row[name] as CanonicalValue]))
  return rows.map(row => canonicalJson(only(row))).toSorted()
}

const tables = await goldenTables()

/** What Spark and hudi-rs returned of the table without an `incremental` in its expectation. */
const flinkIncrement: Readonly<Record<string, readonly string[]>> = {
  v6f_mor_logonly: ['k002', 'k005', 'k009', 'k010'],
}

describe('tables that Hudi wrote', () => {
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'golden-'))
  })
  after(() => rm(dir, { recursive: true }))

  const open = async (table: string): Promise<ObjectStore> =>
    openStore(`file://${await unpackGolden(table, dir)}`, { clock: systemClock })

  for (const table of tables)
    it(`${table} reads as its writes say`, async () => {
      const expected = await goldenExpectation(table)
      const reader = await TableReader.open(await open(table))
      const columns = reader.schema.columns.map(({ name }) => name)
      expect(columns.toSorted()).to.deep.equal(expected.columns)
      expect(reader.unsupported).to.deep.equal([])
      const rows = await readAll(reader, { columns })
      expect(texts(rows, columns)).to.deep.equal(texts(expected.rows as CanonicalRow[], columns))
    })

  for (const table of tables)
    it(`${table} reads as it was after each write`, async () => {
      const { time_travel: states } = await goldenExpectation(table)
      const store = await open(table)
      for (const { as_of: asOf, count, hash, columns } of states) {
        const reader = await TableReader.open(store, { asOf })
        const rows = await readAll(reader, { columns })
        expect(hashRows(rows), asOf).to.deep.equal({ count, hash })
      }
    })

  for (const table of tables)
    it(`${table} gives the changes since its first write as other readers do`, async () => {
      const { incremental, instants } = await goldenExpectation(table)
      const since = incremental?.since ?? instants[0]!.completion ?? instants[0]!.instant
      const reader = await TableReader.open(await open(table))
      const columns = reader.schema.columns.map(({ name }) => name)
      const rows = await readAll(reader, { columns, from: since })
      expect(ids(rows)).to.deep.equal(incremental?.spark.ids ?? flinkIncrement[table])
      if (incremental === undefined) return
      // Spark takes the values of partition columns from the escaped names of folders here, hudi-rs from the files.
      const { count, hash } = incremental.rs
      expect(hashRows(rows)).to.deep.equal({ count, hash })
    })

  it('gives the changes of every range of completion times, and none of what completed later', async () => {
    const { instants } = await goldenExpectation('v8_mor_compacted')
    const reader = await TableReader.open(await open('v8_mor_compacted'))
    const times = instants.map(({ completion }) => completion!)
    const counts = []
    for (const [at, to] of times.entries()) {
      const from = times[at - 1] ?? '20000101000000000'
      counts.push((await readAll(reader, { columns: ['id'], from, to })).length)
    }
    // 20 inserted, 8 updated and 4 new, 3 deleted, a compaction, then a late event, an equal one, a re-insert and
    // a new row.
    expect(counts).to.deep.equal([20, 12, 0, 0, 4])
  })
})
