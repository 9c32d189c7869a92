import { expect } from 'chai'
import type { Column, ColumnType } from '#catalog/types.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { openTable } from '#lake/table/open-table.ts'
import { fixedClock } from '../journal/table-fixture.ts'

const text: ColumnType = { kind: 'string' }
const nested: ColumnType[] = [
  { kind: 'list', element: text },
  { kind: 'map', value: text },
  { kind: 'struct', fields: [{ name: 'a', type: text }] },
]

describe('a table', () => {
  const store = new MemoryStore()
  const refusal = async (type: ColumnType, more: Partial<WantedTable>): Promise<unknown> => {
    const columns: Column[] = [{ name: 'id', type, nullable: false }]
    const table = { name: 't', estimatedBytes: 0, version: 8, policy: 'evolve' } as const
    const wanted = { ...table, schema: { columns, key: [] }, ...more }
    const schema = { columns, key: more.schema?.key ?? [] }
    const { signal } = new AbortController()
    return openTable({ ...wanted, schema }, { store, clock: fixedClock(), writer: 'test', signal }).catch(
      (error: unknown) => error,
    )
  }

  for (const type of nested)
    it(`cannot have a ${type.kind} in its key, nor tell duplicates by it`, async () => {
      const byKey = await refusal(type, { schema: { columns: [], key: ['id'] } })
      const duplicates = { columns: ['id'], windowMs: 1000, bytesMax: 1000 }
      const byDuplicates = await refusal(type, { dropDuplicates: duplicates })
      for (const error of [byKey, byDuplicates]) expect(error).to.have.property('code', 'KEY_UNSUPPORTED')
      expect(await store.get('.hoodie/hoodie.properties')).to.equal(null)
    })

  it('cannot have partitions named by a struct', async () => {
    expect(await refusal(nested[2]!, { partitionBy: [{ column: 'id' }] })).to.have.property(
      'code',
      'PARTITION_UNSUPPORTED',
    )
  })
})
