import { expect } from 'chai'
import type { BinaryVector } from '#catalog/column.ts'
import { LocationTable } from '#lake/table/location-table.ts'
import { vectorOf } from './vectors.ts'

function keysOf(...texts: string[]): BinaryVector {
  return vectorOf({ kind: 'string' }, texts) as BinaryVector
}

const at = (partition: number, sequence: bigint, isDeleted = false) => ({ partition, sequence, isDeleted })

describe('where keys are', () => {
  const keys = keysOf('a', 'b')
  let table: LocationTable
  beforeEach(() => {
    table = new LocationTable()
  })

  it('is where the change with the greater sequence put them, in whatever order the changes come', () => {
    table.put(keys, 0, at(1, 5n))
    table.put(keys, 0, at(2, 4n))
    table.put(keys, 0, at(3, 4n, true))
    expect(table.get(keys, 0)).to.deep.equal(at(1, 5n))
    table.put(keys, 0, at(2, 6n))
    expect(table.get(keys, 0)).to.deep.equal(at(2, 6n))
    expect(table.get(keys, 1)).to.equal(null)
  })

  it('is not changed by the delete a row left behind when it moved, whichever comes first', () => {
    table.put(keys, 0, at(1, 5n, true))
    table.put(keys, 0, at(2, 5n))
    table.put(keys, 1, at(2, 5n))
    table.put(keys, 1, at(1, 5n, true))
    for (const row of [0, 1]) expect(table.get(keys, row)).to.deep.equal(at(2, 5n))
    table.put(keys, 0, at(2, 5n, true))
    expect(table.get(keys, 0)).to.deep.equal(at(2, 5n, true))
  })

  it('is kept of sequences of 64 bits, negative ones too', () => {
    for (const sequence of [2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n - 1n, -1n]) {
      const one = new LocationTable()
      one.put(keys, 0, at(0, sequence, true))
      expect(one.get(keys, 0)).to.deep.equal(at(0, sequence, true))
    }
  })

  it('is kept of many keys', () => {
    const many = keysOf(...Array.from({ length: 5000 }, (_, key) => `key ${key}`))
    for (let row = 0; row < many.length; row++) table.put(many, row, at(row % 7, BigInt(row)))
    for (let row = 0; row < many.length; row++)
      expect(table.get(many, row)).to.deep.equal(at(row % 7, BigInt(row)))
    expect(table.size).to.equal(5000)
  })

  it('says that it is not kept of all when it may not grow', () => {
    const bounded = new LocationTable(() => false)
    const many = keysOf(...Array.from({ length: 2000 }, (_, key) => `key ${key}`))
    for (let row = 0; row < many.length; row++) bounded.put(many, row, at(0, 1n))
    expect(bounded.isFull).to.equal(true)
    expect(bounded.size).to.be.lessThan(1024)
  })
})
