// Structs, maps and lists of them through every kind of table: base files, Avro and Parquet logs, and fields that were
// added and widened between the commits.
import { expect } from 'chai'
import type { Column, ColumnType, TableSchema } from '#catalog/types.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { openTable } from '#lake/table/open-table.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { inOrder, TableModel } from './model.ts'
import type { RowChange, Value } from './vectors.ts'
import { batchOf } from './vectors.ts'

const struct = (fields: Record<string, ColumnType>): ColumnType => ({
  kind: 'struct',
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
})
const listOf = (element: ColumnType): ColumnType => ({ kind: 'list', element })
const mapOf = (value: ColumnType): ColumnType => ({ kind: 'map', value })
const int: ColumnType = { kind: 'int32' }
const long: ColumnType = { kind: 'int64' }
const text: ColumnType = { kind: 'string' }

const schemaOf = (item: ColumnType, deep: ColumnType): TableSchema => {
  const column = (name: string, type: ColumnType): Column => ({ name, type, nullable: true })
  return {
    columns: [
      { name: 'id', type: int, nullable: false },
      column('one', struct({ item, note: text })),
      column('many', listOf(item)),
      column('named', mapOf(item)),
      column('deep', deep),
    ],
    key: ['id'],
  }
}
const before = schemaOf(struct({ sku: text, qty: int }), struct({ in: struct({ at: listOf(int) }) }))
const after = schemaOf(
  struct({ sku: text, qty: long, price: { kind: 'decimal', precision: 9, scale: 2 } }),
  struct({ in: struct({ at: listOf(long), by: text }), out: mapOf(listOf(text)) }),
)

const values: Record<string, Value>[] = [
  {},
  { one: [null, null], many: [], named: [], deep: [null] },
  {
    one: [['a', 1], 'x'],
    many: [['b', null], null, [null, 2]],
    named: [['k', ['c', 3]]],
    deep: [[[1, null]]],
  },
  { one: [[null, null], ''], many: [null], named: [['', null]], deep: [[null]] },
]
const newValues: Record<string, Value>[] = [
  { one: [['z', 2n ** 40n, -1n], 'y'], many: [[null, null, 5n]], named: [['k', ['c', 2n ** 40n, null]]] },
  { deep: [[[2n ** 40n], 'me'], [['m', ['x', null]]]] },
]

describe('nested columns', () => {
  for (const tableType of ['MERGE_ON_READ', 'COPY_ON_WRITE'] as const)
    for (const rows of [8, 1200])
      it(`of ${rows} rows come back from a ${tableType} table, before and after their fields change`, async () => {
        const store = new MemoryStore()
        const { signal } = new AbortController()
        const wanted = { name: 't', estimatedBytes: 0, buckets: 1, version: 8, policy: 'evolve' } as const
        const writer = await openTable(
          { ...wanted, tableType, schema: before },
          { store, clock: fixedClock(), writer: 'test', signal },
        )
        const model = new TableModel(before)
        let seq = 0
        const commit = async (schema: TableSchema, of: readonly Record<string, Value>[]): Promise<void> => {
          const changes = Array.from({ length: rows }, (_, at): RowChange => {
            seq++
            return { op: 'update', seq, row: { id: at + (seq % 3), ...of[(seq * 7) % of.length] } }
          })
          model.apply(changes)
          model.schema = schema
          await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
          await writer.commit([], {}, signal)
          const found = []
          for await (const batch of (await TableReader.open(store)).read())
            found.push(...canonicalRows(batch))
          expect(inOrder(found)).to.deep.equal(model.rows())
        }
        await commit(before, values)
        await commit(before, values)
        await writer.evolve(after)
        await commit(after, [...newValues, {}])
        await writer.close()
      })
})
