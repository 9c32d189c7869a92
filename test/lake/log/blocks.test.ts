import { expect } from 'chai'
import fc from 'fast-check'
import { DataError } from '#common/errors.ts'
import { decodeRecords } from '#lake/avro/records.ts'
import { avroSchemaOf } from '#lake/avro/schema.ts'
import { encodeBlock, HeaderKey } from '#lake/log/block.ts'
import { encodeDataBlock } from '#lake/log/data-block.ts'
import type { LogBlock } from '#lake/log/decode-blocks.ts'
import { decodeBlocks } from '#lake/log/decode-blocks.ts'
import { decodeDeletes, encodeDeleteBlock } from '#lake/log/delete-block.ts'
import { decodeParquet } from '#lake/parquet/decode.ts'
import type { BinaryVector } from '#catalog/column.ts'
import { namedVectors, tableOf, valuesOf, vectorFrom } from '#test/lake/vectors.ts'

const columns = namedVectors([
  { name: 'id', type: { kind: 'string' }, values: ['a', 'b', 'c'] },
  { name: 'n', type: { kind: 'int64' }, values: [1n, null, 3n] },
])
const schema = JSON.stringify(
  avroSchemaOf(
    't',
    { columns: columns.map(c => ({ ...c, type: c.vector.type })), key: ['id'] },
    { metaFields: false },
  ),
)
const instant = '20261124224411123'
const data = encodeDataBlock({ instant, schema, columns, count: 3 })
const deletes = encodeDeleteBlock({
  instant,
  schema,
  recordKeys: vectorFrom({ kind: 'string' }, ['a', 'é', '']) as BinaryVector,
  partitionPath: 'dt=2026-11-24',
  orderings: BigInt64Array.of(5n, -(2n ** 63n), 2n ** 53n + 1n),
})

describe('log blocks', () => {
  it('carry rows as Avro or as Parquet, all or chosen ones', async () => {
    const rows = Int32Array.of(2, 0)
    const parquet = { compression: 'zstd', keyValues: { k: 'v' } } as const
    const file = Buffer.concat([
      encodeDataBlock({ instant, schema, columns, rows, count: 2 }),
      encodeDataBlock({ instant, schema, columns, rows, count: 2, parquet }),
      encodeDataBlock({ instant, schema, columns, count: 0 }),
    ])
    const [avro, whole, none] = [...decodeBlocks(file)] as LogBlock[]
    expect([avro!.type, avro!.instant, avro!.schema]).to.deep.equal(['avro', instant, schema])
    const expected = { id: ['c', 'a'], n: [3n, 1n] }
    expect(tableOf(decodeRecords(schema, avro!.content).columns)).to.deep.equal(expected)
    expect(whole!.type).to.equal('parquet')
    expect(tableOf((await decodeParquet(whole!.content)).columns)).to.deep.equal(expected)
    expect(decodeRecords(schema, none!.content).rows).to.equal(0)
  })

  it('carry deletes with the sequence of each', () => {
    const [block] = [...decodeBlocks(deletes)] as LogBlock[]
    const decoded = decodeDeletes(block!)
    expect(valuesOf(decoded.recordKeys)).to.deep.equal(['a', 'é', ''])
    expect([...decoded.orderings]).to.deep.equal([5n, -(2n ** 63n), 2n ** 53n + 1n])
    expect([...decoded.unordered]).to.deep.equal([0, 0, 0])
    // Branch 3 of the ordering value, then the zigzag of 5: what Java takes for a long.
    const text = Buffer.from(block!.content).toString('latin1')
    expect(text).to.contain(`\x02\x02a\x02\x1adt=2026-11-24\x06\x0a`)
  })

  it('of no deletes are an empty Avro array of one byte', () => {
    const none = {
      recordKeys: vectorFrom({ kind: 'string' }, []) as BinaryVector,
      orderings: new BigInt64Array(0),
    }
    const [block] = [...decodeBlocks(encodeDeleteBlock({ instant, schema, partitionPath: '', ...none }))]
    expect([...(block as LogBlock).content]).to.deep.equal([0, 0, 0, 3, 0, 0, 0, 1, 0])
    expect(decodeDeletes(block as LogBlock).recordKeys.length).to.equal(0)
  })

  it('that take back an instant name it', () => {
    const rollback = encodeBlock(
      'command',
      [
        [HeaderKey.instantTime, '30'],
        [HeaderKey.targetInstantTime, '20'],
        [HeaderKey.commandBlockType, '0'],
      ],
      new Uint8Array(0),
    )
    expect([...decodeBlocks(rollback)]).to.deep.equal([
      { type: 'rollback', offset: 0, instant: '30', targetInstant: '20' },
    ])
  })

  it('before a torn one stay readable, wherever the writer died', () => {
    for (let cut = 1; cut < deletes.length; cut++) {
      const blocks = [...decodeBlocks(Buffer.concat([data, deletes.subarray(0, cut)]))]
      expect(
        blocks.map(({ type }) => type),
        `cut at ${cut}`,
      ).to.deep.equal(['avro', 'corrupt'])
      expect(blocks[1]).to.include({ offset: data.length, length: cut })
    }
  })

  it('after a torn one are found again', () => {
    for (const cut of [3, 10, 20, 200, data.length - 1]) {
      const blocks = [...decodeBlocks(Buffer.concat([data.subarray(0, cut), deletes, data]))]
      expect(
        blocks.map(({ type }) => type),
        `cut at ${cut}`,
      ).to.deep.equal(['corrupt', 'delete', 'avro'])
    }
  })

  it('with damaged frames never come back as something else', () => {
    fc.assert(
      fc.property(fc.nat(data.length - 1), fc.nat(255), (at, byte) => {
        const file = Buffer.concat([data, deletes])
        file[at] = byte
        try {
          const blocks = [...decodeBlocks(file, { path: 'x.log' })]
          expect(blocks.at(-1)!.type).to.equal('delete')
        } catch (error) {
          expect(error).to.be.instanceOf(DataError)
          expect((error as DataError).context).to.include({ path: 'x.log', offset: 0 })
        }
      }),
      { numRuns: 500 },
    )
  })

  it('with a damaged list of deletes say where', () => {
    const [block] = [...decodeBlocks(deletes)] as LogBlock[]
    const cut = { ...block!, content: block!.content.subarray(0, -3), offset: 77 }
    expect(() => decodeDeletes(cut, { path: 'x.log' }))
      .to.throw(DataError)
      .that.has.deep.property('context', {
        path: 'x.log',
        offset: 77,
      })
  })
})
