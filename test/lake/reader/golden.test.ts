import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#common/clock.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { openStore } from '#lake/storage/open.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import type { CanonicalRow, CanonicalValue } from '#test/bed/canonical.ts'
import { goldenExpectation, goldenTables, unpackGolden } from '#test/golden/unpack.ts'
import { canonicalRows } from './canonical.ts'

async function readAll(reader: TableReader, columns: readonly string[]): Promise<CanonicalRow[]> {
  const rows: CanonicalRow[] = []
  for await (const batch of reader.read({ columns })) rows.push(...canonicalRows(batch))
  return rows
}

function texts(rows: readonly CanonicalRow[], columns: readonly string[]): string[] {
  const only = (row: CanonicalRow): CanonicalRow =>
    Object.fromEntries(columns.map(name => [name, row[name] as CanonicalValue]))
  return rows.map(row => canonicalJson(only(row))).toSorted()
}

const tables = await goldenTables()

describe('tables that Hudi wrote', () => {
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'golden-'))
  })
  after(() => rm(dir, { recursive: true }))

  for (const table of tables)
    it(`${table} reads as its writes say`, async () => {
      const expected = await goldenExpectation(table)
      const store = await openStore(`file://${await unpackGolden(table, dir)}`, { clock: systemClock })
      const reader = await TableReader.open(store)
      const columns = reader.schema.columns.map(({ name }) => name)
      expect([...columns, ...reader.unsupported.map(({ name }) => name)].toSorted()).to.deep.equal(
        expected.columns,
      )
      const rows = await readAll(reader, columns)
      expect(texts(rows, columns)).to.deep.equal(texts(expected.rows as CanonicalRow[], columns))
      for (const { as_of: asOf, count } of expected.time_travel)
        expect(
          await readAll(await TableReader.open(store, { asOf }), ['id']),
          `as of ${asOf}`,
        ).to.have.lengthOf(count)
    })
})
