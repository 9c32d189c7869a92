import { expect } from 'chai'
import fc from 'fast-check'
import { parquetMetadata } from 'hyparquet'
import { parquetHeader } from 'hyparquet/src/column.js'
import { compressors, parquetWriteBuffer } from './foreign-files.ts'
import { DataError } from '#common/errors.ts'
import { decodeParquet } from '#lake/parquet/decode.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'
import { namedVectors, tableOf } from '#test/lake/vectors.ts'

const rows = 500
const columns = namedVectors([
  { name: 'id', type: { kind: 'int64' }, values: range(row => BigInt(row * row)) },
  { name: 'name', type: { kind: 'string' }, values: range(row => (row % 4 === 0 ? null : `name ${row}`)) },
  {
    name: 'tags',
    type: { kind: 'list', element: { kind: 'string' } },
    values: range(row => ['x', null, `t${row}`]),
  },
])

describe('reading Parquet', () => {
  for (const compression of ['zstd', 'snappy', 'uncompressed'] as const)
    it(`tells every cut of a ${compression} file from a whole one`, async () => {
      const bytes = encodeParquet(columns, rows, { compression, keyValues: {}, rowGroupRowsMax: 64 })
      for (let length = 0; length < bytes.length; length += 97) await expectCorrupt(bytes.subarray(0, length))
      await expectCorrupt(bytes.subarray(0, -1))
    })

  it('tells a flipped bit in any page', async () => {
    const bytes = encodeParquet(columns, rows, { compression: 'zstd', keyValues: {}, rowGroupRowsMax: 64 })
    const pages = pageBodies(bytes)
    expect(pages.length).to.equal(24)
    for (const { from, to } of pages)
      for (let at = from; at < to; at += 41) {
        const damaged = Uint8Array.from(bytes)
        damaged[at]! ^= 1 << (at & 7)
        await expectCorrupt(damaged)
      }
  })

  it('never fails otherwise than as a damaged file, whatever the bytes', async () => {
    const bytes = encodeParquet(columns, 40, { compression: 'uncompressed', keyValues: { a: 'b' } })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async edits => {
          const damaged = Uint8Array.from(bytes)
          for (const [at, byte] of edits) damaged[at] = byte
          const error: unknown = await decodeParquet(damaged).then(
            () => null,
            (thrown: unknown) => thrown,
          )
          if (error !== null) expect(error).to.be.instanceOf(DataError)
        },
      ),
      { numRuns: 400, examples: [[[[1390, 0], [0, 0]]]] },
    )
  })

  it('names the file and the column that is damaged', async () => {
    const bytes = Uint8Array.from(encodeParquet(columns, rows, { compression: 'zstd', keyValues: {} }))
    bytes[60]! ^= 0xff
    const error: unknown = await decodeParquet(bytes, undefined, { path: 't/f.parquet' }).catch(
      (e: unknown) => e,
    )
    expect((error as DataError).context).to.deep.equal({ path: 't/f.parquet', column: 'id' })
  })

  for (const codec of Object.keys(compressors))
    it(`knows pages compressed with ${codec} by another writer`, async () => {
      const data = range(row => (row % 3 === 0 ? null : `text ${row % 50}`))
      const bytes = parquetWriteBuffer({ codec, columnData: [{ name: 'c', data, type: 'STRING' }] })
      expect(tableOf((await decodeParquet(bytes)).columns)).to.deep.equal({ c: data })
    })

  for (const [encoding, type, value] of [
    ['DELTA_BINARY_PACKED', 'INT32', (row: number) => row * 7 - 1000],
    ['DELTA_BINARY_PACKED', 'INT64', (row: number) => BigInt(row) ** 5n],
    ['DELTA_LENGTH_BYTE_ARRAY', 'STRING', (row: number) => `text ${row}`],
    ['DELTA_BYTE_ARRAY', 'STRING', (row: number) => `text ${row}`],
    ['BYTE_STREAM_SPLIT', 'DOUBLE', (row: number) => row / 7],
    ['BYTE_STREAM_SPLIT', 'INT32', (row: number) => row * 3],
    ['RLE', 'BOOLEAN', (row: number) => row % 5 === 0],
    ['PLAIN', 'INT32', (row: number) => row],
  ] as const)
    it(`knows ${encoding} of ${type}`, async () => {
      const data = range<unknown>(value)
      const bytes = parquetWriteBuffer({ columnData: [{ name: 'c', data, type, encoding, nullable: true }] })
      expect(tableOf((await decodeParquet(bytes)).columns)).to.deep.equal({ c: data })
    })

  it('refuses a column of a type that is not ours, unless it is left out', async () => {
    const bytes = parquetWriteBuffer({
      columnData: [
        { name: 'fits', data: [1, 2] },
        { name: 'local', data: [1n, 2n] },
      ],
      schema: [
        { name: 'root', num_children: 2 },
        { name: 'fits', type: 'INT32', repetition_type: 'REQUIRED' },
        {
          name: 'local',
          type: 'INT64',
          repetition_type: 'REQUIRED',
          logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MICROS' },
        },
      ],
    })
    const error: unknown = await decodeParquet(bytes).catch((thrown: unknown) => thrown)
    expect((error as DataError).code).to.equal('LAKE_TYPE_UNSUPPORTED')
    expect((error as DataError).context).to.deep.equal({ column: 'local', type: 'TIMESTAMP' })
    expect(tableOf((await decodeParquet(bytes, ['fits'])).columns)).to.deep.equal({ fits: [1, 2] })
  })
})

function pageBodies(bytes: Uint8Array): { from: number; to: number }[] {
  const pages: { from: number; to: number }[] = []
  for (const group of parquetMetadata(Uint8Array.from(bytes).buffer).row_groups)
    for (const { meta_data: chunk } of group.columns) {
      const start = Number(chunk!.dictionary_page_offset ?? chunk!.data_page_offset)
      const view = new DataView(bytes.buffer, bytes.byteOffset, start + Number(chunk!.total_compressed_size))
      for (const cursor = { view, offset: start }; cursor.offset < view.byteLength;) {
        const { compressed_page_size: size } = parquetHeader(cursor)
        pages.push({ from: cursor.offset, to: cursor.offset + size })
        cursor.offset += size
      }
    }
  return pages
}

async function expectCorrupt(bytes: Uint8Array): Promise<void> {
  const error: unknown = await decodeParquet(bytes).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error, `${bytes.length} bytes`).to.be.instanceOf(DataError)
  expect((error as DataError).code).to.equal('LAKE_FILE_CORRUPT')
}

function range<T>(value: (row: number) => T): T[] {
  return Array.from({ length: rows }, (_, row) => value(row))
}
