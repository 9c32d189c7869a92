import { expect } from 'chai'
import type { TableSchema } from '#catalog/types.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { canonicalOf, inOrder, TableModel } from '#test/lake/table/model.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf, unchanged } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { bucketLake, expectRows, folderLake, signal, withReaders, writerOf } from './lakes.ts'

const orders: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'region', type: { kind: 'string' }, nullable: true },
    { name: 'made_at', type: { kind: 'timestamp' }, nullable: true },
    { name: 'qty', type: { kind: 'int32' }, nullable: true },
    { name: 'note', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
}
const events: TableSchema = { columns: orders.columns, key: [] }

const dayUs = 86_400_000_000n
/** 2026-11-24T10:30Z. */
const noonUs = BigInt(Date.UTC(2026, 10, 24, 10, 30)) * 1000n

function row(id: number, region: string | null, day: number, note = `n${id}`): RowChange['row'] {
  return { id, region, made_at: noonUs + BigInt(day) * dayUs, qty: id, note }
}

async function commit(writer: TableWriter, schema: TableSchema, ...batches: RowChange[][]): Promise<void> {
  for (const changes of batches)
    await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
  await writer.commit([], {}, signal)
}

/** The day of `made_at`, as the table's own column has it. */
function dayOf(row: CanonicalRow): string | null {
  const at = row['made_at'] as { ts_us: number } | null
  return at === null ? null : new Date(at.ts_us / 1000).toISOString().slice(0, 10)
}

function withDay(rows: readonly CanonicalRow[]): CanonicalRow[] {
  return rows.map(row => ({ ...row, made_at_day: dayOf(row) }))
}

const kinds: Record<string, Partial<WantedTable>> = {
  'merge on read': {},
  'copy on write': { tableType: 'COPY_ON_WRITE' },
}

for (const [where, open] of [
  ['a folder', folderLake],
  ['a bucket', bucketLake],
] as const)
  describe(`partitioned tables in ${where}, read by Spark and hudi-rs`, () => {
    requires('hudi', 'minio')
    let lake: DirectLake
    let readers: HudiReaders
    withReaders(open, given => ({ lake, readers } = given))

    it('append tables have a file for each day of a commit', async () => {
      const wanted = {
        name: 'events',
        schema: events,
        partitionBy: [{ column: 'made_at', datePart: 'day' }],
      } as const
      const writer = await writerOf(lake, wanted)
      const changes = Array.from({ length: 40 }, (_, id): RowChange => ({
        seq: id,
        row: row(id, 'eu', id % 4),
      }))
      changes.push({ seq: 99, row: { id: 99, note: 'of no day' } })
      await commit(writer, events, changes.slice(0, 20), changes.slice(20))
      const files = await listDataFiles(lake.store.at('events'))
      expect(new Set(files.map(({ partitionPath }) => partitionPath))).to.deep.equal(
        new Set([
          ...[24, 25, 26, 27].map(day => `made_at_day=2026-11-${day}`),
          'made_at_day=__HIVE_DEFAULT_PARTITION__',
        ]),
      )
      const expected = changes.map(({ seq, row }) => ({
        ...canonicalOf(events, row),
        _sluice_seq: Number(seq),
      }))
      await expectRows(lake, 'events', withDay(expected), readers)
    })

    for (const [kind, more] of Object.entries(kinds))
      it(`keyed tables (${kind}) have one row for each key, wherever it moves`, async () => {
        const name = `orders_${kind.replaceAll(' ', '_')}`
        const partitionBy = [{ column: 'region' }, { column: 'made_at', datePart: 'day' }] as const
        const writer = await writerOf(lake, { name, schema: orders, partitionBy, ...more })
        const model = new TableModel(orders)
        const regions = ['eu', 'us', 'asia', null]
        const batches: RowChange[][] = [
          Array.from({ length: 60 }, (_, id) => ({ seq: id, row: row(id, regions[id % 4]!, id % 3) })),
          Array.from({ length: 30 }, (_, id) => ({
            op: 'update',
            seq: 100 + id,
            row: {
              ...row(id, regions[(id + 1) % 4]!, 5 + (id % 2)),
              note: id % 5 === 0 ? unchanged : `moved ${id}`,
            },
          })),
          Array.from({ length: 10 }, (_, at) => ({ op: 'delete', seq: 200 + at, row: { id: at * 5 } })),
          [
            { op: 'insert', seq: 300, row: row(5, 'us', 9, 'again') },
            { op: 'update', seq: 301, row: row(6, 'eu', 9, 'once') },
            { op: 'update', seq: 302, row: row(6, 'us', 8, 'twice') },
            { op: 'delete', seq: 303, row: { id: 1_000 } },
          ],
        ]
        for (const batch of batches) {
          model.apply(batch)
          await commit(writer, orders, batch)
        }
        await expectRows(lake, name, withDay(model.rows()), readers)
      })

    it('keyed tables of many partitions take a snapshot in the order of the key', async () => {
      const partitionBy = [{ column: 'made_at', datePart: 'day' }] as const
      const writer = await writerOf(lake, { name: 'spread', schema: orders, partitionBy })
      const changes = Array.from({ length: 600 }, (_, id): RowChange => ({
        seq: 1,
        row: row(id, 'eu', id % 60),
      }))
      await commit(writer, orders, changes)
      const moved = changes.slice(0, 60).map((change, at): RowChange => ({
        op: 'update',
        seq: 2,
        row: { ...change.row, made_at: noonUs, qty: at },
      }))
      await commit(writer, orders, moved)
      const model = new TableModel(orders)
      model.apply(changes)
      model.apply(moved)
      await expectRows(lake, 'spread', withDay(model.rows()), readers)
    })

    it('values of any characters name partitions', async () => {
      const values = ['a b', 'a/b', 'ü€', "it's", '50%', 'a=b', 'x:y', null, 'a+b', '{}[]^', '#?*']
      const writer = await writerOf(lake, {
        name: 'names',
        schema: orders,
        partitionBy: [{ column: 'region' }],
      })
      const model = new TableModel(orders)
      const first = values.map((value, id): RowChange => ({ seq: id, row: row(id, value, 0) }))
      const second = values.map((_, id): RowChange => ({
        op: 'update',
        seq: 100 + id,
        row: row(id, values[(id + 1) % values.length]!, 1),
      }))
      for (const batch of [first, second]) {
        model.apply(batch)
        await commit(writer, orders, batch)
      }
      await expectRows(lake, 'names', model.rows(), readers)
    })

    it('an empty text names the partition of null, and Spark reads it as null there, as it does of Hudi', async () => {
      const writer = await writerOf(lake, {
        name: 'empty',
        schema: orders,
        partitionBy: [{ column: 'region' }],
      })
      await commit(writer, orders, [{ seq: 1, row: row(1, '', 0) }])
      const columns = ['_hoodie_partition_path', 'region']
      const options = { columns, meta: true, ...(lake.s3 ? { s3: lake.s3 } : {}) }
      const path = 'region=__HIVE_DEFAULT_PARTITION__'
      const [rust] = await readers.readHudiRs(lake.url('empty'), options)
      expect(rust).to.deep.equal({ _hoodie_partition_path: path, region: '' })
      const [spark] = await readers.readSpark(lake.url('empty'), options)
      expect(spark).to.deep.equal({ _hoodie_partition_path: path, region: null })
    })

    it('a hash is what hash() of Spark says, so that queries for one key can name its partition', async () => {
      for (const [column, hash] of [
        ['id', 7],
        ['note', 3],
      ] as const) {
        const name = `by_${column}`
        const writer = await writerOf(lake, {
          name,
          schema: orders,
          partitionBy: [{ column, hash, name: 'slot' }],
        })
        const notes = ['', 'a', 'ab', 'abc', 'abcd', 'äöü€ 😀', null]
        const changes = Array.from({ length: 30 }, (_, at): RowChange => {
          const id = at * 1_234_567_891 - 9_000_000_000
          return { seq: at, row: row(id, 'eu', 0, notes[at % 7] as string) }
        })
        await commit(writer, orders, changes)
        const options = lake.s3 ? { s3: lake.s3 } : {}
        const query = `select count(*) n, count(distinct slot) slots from t where slot = pmod(hash(${column}), ${hash})`
        const [found] = await readers.sql(lake.url(name), query, options)
        expect(found!['n']).to.equal(30)
        expect(found!['slots']).to.be.greaterThan(1)
      }
    })

    it('a query that names partitions reads no others', async () => {
      const partitionBy = [{ column: 'region' }, { column: 'made_at', datePart: 'day' }] as const
      const writer = await writerOf(lake, { name: 'pruned', schema: orders, partitionBy })
      const changes = Array.from({ length: 20 }, (_, id): RowChange => ({
        seq: id,
        row: row(id, id % 2 === 0 ? 'e:u' : 'us', id % 5),
      }))
      await commit(writer, orders, changes)
      const store = lake.store.at('pruned')
      const wanted = 'region=e%3Au/made_at_day=2026-11-26'
      for (const { path, partitionPath } of await listDataFiles(store))
        if (partitionPath !== wanted) await store.put(path, Buffer.from('no Parquet'))
      const options = lake.s3 ? { s3: lake.s3 } : {}
      const url = lake.url('pruned')
      const ids = (rows: readonly CanonicalRow[]): unknown[] =>
        rows.map(({ id }) => Number(id)).toSorted((a, b) => a - b)
      const query = "select id from t where region = 'e:u' and made_at_day = '2026-11-26'"
      expect(ids(await readers.sql(url, query, options))).to.deep.equal([2, 12])
      const filters = [
        ['region', '=', 'e:u'],
        ['made_at_day', '=', '2026-11-26'],
      ] as const
      expect(ids(await readers.readHudiRs(url, { ...options, filters }))).to.deep.equal([2, 12])
      expect(await readers.readHudiRs(url, options).catch((error: unknown) => error)).to.be.instanceOf(Error)
    })

    for (const tableType of ['MERGE_ON_READ', 'COPY_ON_WRITE'] as const)
      it(`tables of version 6 (${tableType}) are read by Hudi 0.15 as well`, async () => {
        const name = `six_${tableType.toLowerCase()}`
        const partitionBy = [{ column: 'region' }, { column: 'made_at', datePart: 'month' }] as const
        const wanted = { name, schema: orders, partitionBy, version: 6, tableType } as const
        const writer = await writerOf(lake, wanted)
        const model = new TableModel(orders)
        const first = Array.from({ length: 12 }, (_, id): RowChange => ({ seq: 1, row: row(id, 'eu', id) }))
        const second = first
          .slice(4)
          .map((change, at): RowChange =>
            at < 2
              ? { op: 'delete', seq: 2, row: { id: change.row['id']! } }
              : { op: 'update', seq: 2, row: row(at + 4, at % 2 === 0 ? 'us' : 'eu', at) },
          )
        for (const batch of [first, second]) {
          model.apply(batch)
          await commit(writer, orders, batch)
        }
        const options = { columns: ['id', 'region', 'note'], ...(lake.s3 ? { s3: lake.s3 } : {}) }
        const expected = model.rows().map(({ id, region, note }) => ({ id, region, note }) as CanonicalRow)
        for (const hudiVersion of ['0.15.0', '1.2.0'] as const) {
          const rows = await readers.readSpark(lake.url(name), { ...options, hudiVersion })
          expect(inOrder(rows), hudiVersion).to.deep.equal(inOrder(expected))
        }
        const rust = await readers.readHudiRs(lake.url(name), options)
        expect(inOrder(rust)).to.deep.equal(inOrder(expected))
      })

    it('keys that are unique in a partition have a row in each, and a delete removes them all', async () => {
      const partitionBy = [{ column: 'region' }]
      const wanted = { name: 'each', schema: orders, partitionBy, keyScope: 'partition' } as const
      const writer = await writerOf(lake, wanted)
      await commit(writer, orders, [
        { seq: 1, row: row(1, 'eu', 0) },
        { seq: 1, row: row(2, 'eu', 0) },
        { seq: 1, row: row(3, 'eu', 0) },
      ])
      await commit(writer, orders, [
        { op: 'update', seq: 2, row: row(1, 'us', 1) },
        { op: 'update', seq: 2, row: row(2, 'us', 1) },
        { op: 'update', seq: 3, row: row(3, 'eu', 2) },
      ])
      await commit(writer, orders, [{ op: 'delete', seq: 4, row: { id: 2 } }])
      const expected = [
        [row(1, 'eu', 0), 1],
        [row(1, 'us', 1), 2],
        [row(3, 'eu', 2), 3],
      ] as const
      const rows = expected.map(([row, seq]) => ({ ...canonicalOf(orders, row), _sluice_seq: seq }))
      await expectRows(lake, 'each', rows, readers)
    })
  })
