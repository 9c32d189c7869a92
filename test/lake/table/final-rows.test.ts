import { expect } from 'chai'
import fc from 'fast-check'
import { bitAt } from '#catalog/column.ts'
import { Operation } from '#catalog/change-batch.ts'
import { bucketFileId, bucketOf, splitByBucket } from '#lake/key/bucket.ts'
import { keyChanges } from '#lake/table/final-rows.ts'
import { recordKeys } from '#lake/key/record-key.ts'
import { vectorOf } from './vectors.ts'

describe('the final change of each key', () => {
  it('is its last row, found for any keys, with the row before it', () => {
    const keys = fc.array(fc.constantFrom('a', 'b', 'Aa', 'BB', 'AaAa', 'BBBB', 'AaBB', 'c', 'dd'), {
      minLength: 1,
    })
    fc.assert(
      fc.property(keys, names => {
        const given = recordKeys([{ name: 'k', vector: vectorOf({ kind: 'string' }, names) }], names.length)
        const { superseded, previous } = keyChanges(given, names.length)
        for (const [row, name] of names.entries()) {
          expect(superseded !== null && bitAt(superseded, row)).to.equal(names.lastIndexOf(name) !== row)
          expect(previous?.[row] ?? -1).to.equal(row === 0 ? -1 : names.lastIndexOf(name, row - 1))
        }
      }),
    )
  })

  it('is put into the bucket of its key, live rows apart from deleted ones, in batch order', () => {
    const names = Array.from({ length: 500 }, (_, row) => `key-${row % 300}`)
    const given = recordKeys([{ name: 'k', vector: vectorOf({ kind: 'string' }, names) }], names.length)
    const { superseded } = keyChanges(given, names.length)
    const operations = Uint8Array.from(names, (_, row) =>
      row % 3 === 0 ? Operation.delete : Operation.update,
    )
    const groups = splitByBucket({ rows: names.length, hashes: given.hashes, operations, superseded }, 7)
    const seen = groups.flatMap(group => [...group.live, ...group.deleted])
    expect(seen.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 300 }, (_, row) => row + 200))
    for (const { bucket, live, deleted } of groups) {
      expect([...live]).to.deep.equal([...live].toSorted((a, b) => a - b))
      for (const row of live) expect(operations[row]).to.equal(Operation.update)
      for (const row of deleted) expect(operations[row]).to.equal(Operation.delete)
      for (const row of [...live, ...deleted]) expect(bucketOf(given.hashes[row]!, 7)).to.equal(bucket)
    }
  })

  it('goes to a file group whose id follows from the bucket', () => {
    expect(bucketFileId(11)).to.equal('00000011-0000-0000-0000-000000000000-0')
    expect(bucketFileId(11, 'a=1')).to.match(/^00000011-([0-9a-f]{4}-){3}[0-9a-f]{12}-0$/)
    expect(bucketFileId(11, 'a=1')).not.to.equal(bucketFileId(11, 'a=2'))
  })
})
