import { expect } from 'chai'
import type { TableSchema } from '#catalog/types.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { TableModel } from '#test/lake/table/model.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { expectRows, folderLake, signal, withReaders, writerOf } from './lakes.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'string' }, nullable: false },
    { name: 'price', type: { kind: 'decimal', precision: 10, scale: 2 }, nullable: true },
    { name: 'day', type: { kind: 'date' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp' }, nullable: true },
    { name: 'tags', type: { kind: 'list', element: { kind: 'string' } }, nullable: true },
    {
      name: 'place',
      type: {
        kind: 'struct',
        fields: [
          { name: 'fee', type: { kind: 'decimal', precision: 9, scale: 2 } },
          { name: 'days', type: { kind: 'list', element: { kind: 'date' } } },
        ],
      },
      nullable: true,
    },
    {
      name: 'items',
      type: {
        kind: 'list',
        element: { kind: 'struct', fields: [{ name: 'sku', type: { kind: 'string' } }] },
      },
      nullable: true,
    },
    { name: 'counts', type: { kind: 'map', value: { kind: 'int64' } }, nullable: true },
  ],
  key: ['id'],
}

/** What a Spark writer of our tables must set. */
const sparkOptions = {
  'hoodie.metadata.enable': 'false',
  'hoodie.write.auto.upgrade': 'false',
  'hoodie.write.table.version': '8',
  'hoodie.index.type': 'BUCKET',
  'hoodie.bucket.index.num.buckets': '2',
  'hoodie.bucket.index.hash.field': 'id',
}

function rows(from: number, count: number, seq: number, op: RowChange['op'] = 'update'): RowChange[] {
  return Array.from({ length: count }, (_, at) => ({
    op,
    seq: seq + at,
    row: { id: `k${from + at}`, price: BigInt(seq + at), ...others(at) },
  }))
}

function others(at: number): RowChange['row'] {
  return {
    day: at,
    at: BigInt(at) * 1_000_001n,
    tags: ['a', `t${at}`],
    place: at % 3 === 0 ? null : [at % 3 === 1 ? null : BigInt(at), [at]],
    items: at % 4 === 0 ? [] : [[`s${at}`], [null]],
    counts: at % 5 === 0 ? null : [['n', BigInt(at)]],
  }
}

describe('a keyed table that Spark writes to as well', () => {
  requires('hudi')
  let lake: DirectLake
  let readers: HudiReaders
  withReaders(folderLake, given => ({ lake, readers } = given))

  it('takes an upsert and a compaction by Spark, and commits of ours between and after', async function () {
    this.timeout(600_000)
    const model = new TableModel(schema)
    const writer = await writerOf(lake, { name: 'shared', schema, buckets: 2 })
    const write = async (changes: RowChange[]): Promise<void> => {
      model.apply(changes)
      await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
      await writer.commit([], {}, signal)
    }
    const url = lake.url('shared')
    await write(rows(0, 200, 0))
    await write([...rows(50, 100, 1000), { op: 'delete', seq: 2000, row: { id: 'k60' } }])
    // Spark plans a compaction after five delta commits.
    for (const from of [300, 320, 340, 360]) await write(rows(from, 30, 3000 + from * 10))

    for (const [key, value] of Object.entries(sparkOptions)) await readers.sql(url, `set ${key}=${value}`)
    await readers.sql(url, "update t set price = 9.99, _sluice_seq = 5000 where id in ('k1', 'k55')")
    model.apply(['k1', 'k55'].map(id => ({ op: 'update', seq: 5000, row: sparkRow(id) })))
    await expectRows(lake, 'shared', model.rows(), readers)

    await readers.sql(url, 'reset hoodie.index.type')
    await readers.sql(url, "call run_compaction(op => 'schedule', table => 't')")
    await readers.sql(url, "call run_compaction(op => 'run', table => 't')")
    await expectRows(lake, 'shared', model.rows(), readers)
    const { slices } = await TableReader.open(lake.store.at('shared'))
    expect(
      slices.every(({ logs, base }) => logs.length === 0 && base !== null),
      'compacted',
    ).to.equal(true)

    await writer.refresh()
    await write([...rows(40, 30, 6000), { op: 'delete', seq: 7000, row: { id: 'k1' } }])
    await expectRows(lake, 'shared', model.rows(), readers)
  })

  function sparkRow(id: string): RowChange['row'] {
    const at = id === 'k1' ? 1 : 5
    return { id, price: 999n, ...others(at) }
  }
})
