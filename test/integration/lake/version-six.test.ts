// Table version 6 on a real object store, whose file times are its own: Hudi 1.x places log files by them.
import type { TableSchema } from '#catalog/types.ts'
import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import { compactSome } from '#lake/services/compact.ts'
import { readDefinition } from '#lake/table/create.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { inOrder, TableModel } from '#test/lake/table/model.ts'
import { eager } from '#test/lake/services/keyed-table.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { bucketLake, signal, withReaders, writerOf } from './lakes.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'note', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
}
const columns = ['id', 'note', '_sluice_seq']

describe('a table of version 6 in a bucket', function () {
  requires('hudi', 'minio')
  this.timeout(600_000)
  let lake: DirectLake
  let readers: HudiReaders
  withReaders(bucketLake, given => ({ lake, readers } = given))

  it('is read alike by Hudi 0.15, Hudi 1.2 and hudi-rs, between compactions too', async () => {
    const writer = await writerOf(lake, { name: 'six', schema, buckets: 2, version: 6 })
    const store = lake.store.at('six')
    const model = new TableModel(schema)
    let seq = 0
    const write = async (from: number, count: number, note: string | null): Promise<void> => {
      const changes = Array.from({ length: count }, (_, at): RowChange => {
        const id = from + at
        seq++
        return note === null ? { op: 'delete', seq, row: { id } } : { op: 'update', seq, row: { id, note } }
      })
      model.apply(changes)
      await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
      await writer.commit([], {}, signal)
    }
    await write(0, 40, 'first')
    await write(30, 20, 'second')
    for (const round of ['third', 'fourth']) {
      await write(5, 5, null)
      const journal = await Journal.open(store, { clock: systemClock, writer: 'services', signal })
      const definition = (await readDefinition(store))!
      await compactSome({ store, definition, journal, clock: systemClock, signal }, eager)
      await writer.refresh()
      await write(7, 10, round)
      await write(30, 3, null)
    }
    const wanted = model.rows().map(canonicalJson)
    const options = { s3: lake.s3!, columns }
    for (const [reader, rows] of [
      ['hudi-rs', await readers.readHudiRs(lake.url('six'), options)],
      ['Hudi 1.2', await readers.readSpark(lake.url('six'), options)],
      ['Hudi 0.15', await readers.readSpark(lake.url('six'), { ...options, hudiVersion: '0.15.0' })],
    ] as const)
      expect(inOrder(rows).map(canonicalJson), reader).to.deep.equal(wanted)
  })
})
