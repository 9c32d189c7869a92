import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#common/clock.ts'
import type { OpenOptions, ReadOptions } from '#lake/reader/table-reader.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openStore } from '#lake/storage/open.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { unpackGolden } from '#test/golden/unpack.ts'
import { canonicalRows } from './canonical.ts'

const partitionColumn = '_hoodie_partition_path'

describe('reading chosen partitions', () => {
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'partitions-'))
  })
  after(() => rm(dir, { recursive: true }))

  async function rowsOf(
    store: ObjectStore,
    options: OpenOptions = {},
    read: ReadOptions = {},
  ): Promise<{ partition: string; row: string }[]> {
    const reader = await TableReader.open(store, options)
    const columns = [partitionColumn, ...reader.schema.columns.map(({ name }) => name)]
    const rows = []
    for await (const batch of reader.read({ ...read, columns }))
      for (const { [partitionColumn]: partition, ...row } of canonicalRows(batch))
        rows.push({ partition: partition as string, row: canonicalJson(row) })
    return rows.toSorted((a, b) => (a.row < b.row ? -1 : 1))
  }

  for (const table of ['v8_mor_part_hive', 'v8_cow_part_urlencode'])
    it(`gives the rows of ${table} in them, of every state and increment, and lists no other folder`, async () => {
      const store = await openStore(`file://${await unpackGolden(table, dir)}`, { clock: systemClock })
      const reader = await TableReader.open(store)
      const all = [...new Set(reader.files.map(({ partitionPath }) => partitionPath))]
      expect(all.length).to.be.greaterThan(1)
      const first = reader.commits[0]!
      for (const partitions of [...all.map(partition => [partition]), [...all, all[0]!], all.slice(1)]) {
        const listed: string[] = []
        const watched = new Proxy(store, {
          get: (target, name) => {
            const value = Reflect.get(target, name) as unknown
            if (typeof value !== 'function') return value
            return (...args: unknown[]): unknown => {
              if (name === 'list') listed.push(String(args[0]))
              return (value as (...given: unknown[]) => unknown).apply(target, args)
            }
          },
        })
        for (const [open, read] of [
          [{}, {}],
          [{ asOf: first.instant }, {}],
          [{}, { from: first.completionTime! }],
        ] as const) {
          const expected = (await rowsOf(store, open, read)).filter(each =>
            partitions.includes(each.partition),
          )
          expect(await rowsOf(watched, { ...open, partitions }, read)).to.deep.equal(expected)
        }
        const data = listed.filter(prefix => !prefix.startsWith('.hoodie'))
        expect(new Set(data)).to.deep.equal(new Set(partitions.map(partition => `${partition}/`)))
      }
    })

  it('takes a folder above partitions for all of them, and a path out of the table for a mistake', async () => {
    const store = await openStore(`file://${await unpackGolden('v8_mor_part_hive', dir)}`, {
      clock: systemClock,
    })
    const [path] = (await TableReader.open(store)).files.map(({ partitionPath }) => partitionPath)
    // A folder is no prefix of letters.
    expect(await rowsOf(store, { partitions: [path!.slice(0, -1)] })).to.deep.equal([])
    expect(await rowsOf(store, { partitions: [`/${path!}/`] })).to.have.length.greaterThan(0)
    for (const wrong of ['', '../other', '.hoodie']) {
      const error = await TableReader.open(store, { partitions: [wrong] }).catch((thrown: unknown) => thrown)
      expect(error, wrong).to.include({ code: 'SPEC_INVALID' })
    }
  })
})
