// Copy-on-write tables of a size at which rewrites copy row groups and column chunks as they are stored, read by Java
// and Rust, and with another engine's commits between ours.
import type { TableSchema } from '#catalog/types.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { TableModel } from '#test/lake/table/model.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { expectRows, folderLake, signal, withReaders, writerOf } from './lakes.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'fixed', type: { kind: 'string' }, nullable: true },
    { name: 'note', type: { kind: 'string' }, nullable: true },
    { name: 'price', type: { kind: 'decimal', precision: 12, scale: 2 }, nullable: true },
    { name: 'at', type: { kind: 'timestamp' }, nullable: true },
    { name: 'tags', type: { kind: 'list', element: { kind: 'string' } }, nullable: true },
  ],
  key: ['id'],
}

function rowsOf(ids: readonly number[], seq: number): RowChange[] {
  return ids.map(id => ({
    op: 'update',
    seq,
    row: {
      id,
      fixed: id % 9 === 0 ? null : `fixed ${Math.imul(id, 0x85ebca6b) >>> 0} `.repeat(12),
      note: `note ${seq} ${id}`,
      price: BigInt(id * 100 + seq),
      at: BigInt(id) * 1_000_003n,
      tags: id % 5 === 0 ? null : [`t${id % 9}`, `s${seq}`],
    },
  }))
}

const range = (from: number, count: number, step = 1): number[] =>
  Array.from({ length: count }, (_, at) => from + at * step)

describe('large copy-on-write tables, read by Spark and hudi-rs', function () {
  requires('hudi')
  this.timeout(600_000)
  let lake: DirectLake
  let readers: HudiReaders
  withReaders(folderLake, given => ({ lake, readers } = given))

  it('hold the newest change of each key after rewrites that copy what they do not change', async () => {
    const writer = await writerOf(lake, { name: 'large', schema, buckets: 2, tableType: 'COPY_ON_WRITE' })
    const model = new TableModel(schema)
    const commits: RowChange[][] = [
      rowsOf(range(0, 12_000), 1),
      rowsOf(range(3, 40, 250), 2),
      rowsOf(range(12_000, 500), 3),
      [
        ...rowsOf([12_600], 4),
        ...range(12_100, 20).map((id): RowChange => ({ op: 'delete', seq: 4, row: { id } })),
      ],
    ]
    for (const changes of commits) {
      model.apply(changes)
      await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
      await writer.commit([], {}, signal)
    }
    await expectRows(lake, 'large', model.rows(), readers)

    // Rows that Spark wrote are in files that are packed its way.
    await readers.sql(lake.url('large'), 'select 1')
    for (const [key, value] of Object.entries({
      'hoodie.metadata.enable': 'false',
      'hoodie.write.auto.upgrade': 'false',
      'hoodie.write.table.version': '8',
      'hoodie.index.type': 'BUCKET',
      'hoodie.bucket.index.num.buckets': '2',
      'hoodie.bucket.index.hash.field': 'id',
    }))
      await readers.sql(lake.url('large'), `set ${key}=${value}`)
    await readers.sql(lake.url('large'), "update t set note = 'by Spark', _sluice_seq = 5 where id = 77")
    const [row] = rowsOf([77], 1)
    model.apply([{ op: 'update', seq: 5, row: { ...row!.row, note: 'by Spark' } }])
    await writer.refresh()
    const after = rowsOf([76, 5000, 12_700], 6)
    model.apply(after)
    await writer.stage({ batch: batchOf(schema, after), truncate: null }, signal)
    await writer.commit([], {}, signal)
    await expectRows(lake, 'large', model.rows(), readers)
  })
})
