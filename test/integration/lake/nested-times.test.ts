// What hudi-rs 0.5 does not read in logs (docs/types.md): it must say so, and read it once it is compacted.
import { expect } from 'chai'
import type { Column, ColumnType, TableSchema } from '#catalog/types.ts'
import { systemClock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import { compactSome } from '#lake/services/compact.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { readDefinition } from '#lake/table/create.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { inOrder, TableModel } from '#test/lake/table/model.ts'
import type { RowChange, Value } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { expectRows, folderLake, signal, withReaders, writerOf } from './lakes.ts'

const time: ColumnType = { kind: 'timestamp' }
const cases: { name: string; type: ColumnType; value: (micros: bigint) => Value }[] = [
  {
    name: 'struct',
    type: { kind: 'struct', fields: [{ name: 'at', type: time }] },
    value: micros => [micros],
  },
  { name: 'list', type: { kind: 'list', element: time }, value: micros => [micros, null] },
  { name: 'map', type: { kind: 'map', value: time }, value: micros => [['k', micros]] },
]

describe('times within nested values, in logs that hudi-rs reads', () => {
  requires('hudi')
  let lake: DirectLake
  let readers: HudiReaders
  withReaders(folderLake, given => ({ lake, readers } = given))

  for (const { name, type, value } of cases)
    it(`of a ${name} are refused until they are compacted`, async function () {
      this.timeout(300_000)
      const columns: Column[] = [
        { name: 'id', type: { kind: 'string' }, nullable: false },
        { name: 'x', type, nullable: true },
      ]
      const schema: TableSchema = { columns, key: ['id'] }
      const table = `times_${name}`
      const model = new TableModel(schema)
      const writer = await writerOf(lake, { name: table, schema, buckets: 1 })
      for (const seq of [1, 2]) {
        const changes: RowChange[] = ['a', 'b'].map(id => ({
          op: 'update',
          seq,
          row: { id: `${id}${seq % 2}`, x: id === 'a' ? value(BigInt(seq) * 1_000_001n) : null },
        }))
        model.apply(changes)
        await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
        await writer.commit([], {}, signal)
      }
      const expected = model.rows().map(canonicalJson)
      const spark = await readers.readSpark(lake.url(table))
      expect(inOrder(spark).map(canonicalJson)).to.deep.equal(expected)
      const refusal = await readers.readHudiRs(lake.url(table)).catch((error: unknown) => error)
      expect(refusal).to.be.instanceOf(Error)
      expect((refusal as Error).message).to.include('cannot be re-tagged')

      const store = lake.store.at(table)
      const journal = await Journal.open(store, { clock: systemClock, writer: 'services', signal })
      const definition = (await readDefinition(store))!
      const policy = { ...defaultCompactionPolicy, logFilesMin: 1, logBytesShareMin: 0 }
      await compactSome({ store, definition, journal, clock: systemClock, signal }, policy)
      await expectRows(lake, table, model.rows(), readers)
    })
})
