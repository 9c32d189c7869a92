import { expect } from 'chai'
import type { BinaryVector } from '#catalog/column.ts'
import { keyChanges } from '#lake/table/final-rows.ts'
import { recordKeys } from '#lake/key/record-key.ts'
import { fillUnchanged, unchangedRows } from '#lake/table/unchanged.ts'
import type { RowChange } from './vectors.ts'
import { batchOf, unchanged, valuesOf, vectorOf } from './vectors.ts'

const schema = {
  columns: [
    { name: 'id', type: { kind: 'string' }, nullable: false },
    { name: 'doc', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
} as const

function fill(changes: RowChange[], table: Record<string, string | null>): unknown[] {
  const batch = batchOf(schema, changes)
  const keys = recordKeys([{ name: 'id', vector: batch.columns[0]! }], batch.length)
  const rows = unchangedRows(batch.columns[1]!, {
    rows: batch.length,
    operations: batch.operations,
    ...keyChanges(keys, batch.length),
  })
  if (rows === null) return valuesOf(batch.columns[1]!)
  const names = [...rows.missing].map(row => valuesOf(keys.keys as BinaryVector)[row] as string)
  const present = names.filter(name => name in table)
  const found = {
    at: Int32Array.from(names, name => present.indexOf(name)),
    values: vectorOf(
      { kind: 'string' },
      present.map(name => table[name]!),
    ),
  }
  return valuesOf(fillUnchanged(batch.columns[1]!, rows, found))
}

describe('values left out because they did not change', () => {
  it('come from the table', () => {
    const change = { op: 'update', seq: 1, row: { id: 'a', doc: unchanged } } as const
    expect(fill([change], { a: 'stored' })).to.deep.equal(['stored'])
    expect(fill([change], { a: null })).to.deep.equal([null])
    expect(fill([change], {})).to.deep.equal([null])
  })

  it('come from an earlier change of the key in the batch, however many lie between', () => {
    const changes: RowChange[] = [
      { op: 'insert', seq: 1, row: { id: 'a', doc: 'new' } },
      { op: 'update', seq: 2, row: { id: 'b', doc: unchanged } },
      { op: 'update', seq: 3, row: { id: 'a', doc: unchanged } },
      { op: 'update', seq: 4, row: { id: 'a', doc: unchanged } },
      { op: 'update', seq: 5, row: { id: 'b', doc: unchanged } },
    ]
    expect(fill(changes, { a: 'old', b: 'kept' })[3]).to.equal('new')
    expect(fill(changes, { a: 'old', b: 'kept' })[4]).to.equal('kept')
  })

  it('are not asked for where a later change or a delete makes them moot', () => {
    const changes: RowChange[] = [
      { op: 'update', seq: 1, row: { id: 'a', doc: unchanged } },
      { op: 'update', seq: 2, row: { id: 'a', doc: 'written' } },
      { op: 'update', seq: 3, row: { id: 'b', doc: unchanged } },
      { op: 'delete', seq: 4, row: { id: 'b', doc: unchanged } },
    ]
    const batch = batchOf(schema, changes)
    const keys = recordKeys([{ name: 'id', vector: batch.columns[0]! }], batch.length)
    const rows = { rows: 4, operations: batch.operations, ...keyChanges(keys, 4) }
    expect([...unchangedRows(batch.columns[1]!, rows)!.missing]).to.deep.equal([])
    expect(fill(changes, {})[1]).to.equal('written')
  })

  it('are nothing to do where every value is given', () => {
    expect(fill([{ op: 'update', seq: 1, row: { id: 'a', doc: 'x' } }], {})).to.deep.equal(['x'])
  })
})
