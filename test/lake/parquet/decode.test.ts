import { expect } from 'chai'
import { parquetMetadata } from 'hyparquet'
import { parquetHeader } from 'hyparquet/src/column.js'
import { compressors, parquetWriteBuffer } from './foreign-files.ts'
import { DataError } from '#common/errors.ts'
import type { ParquetColumns } from '#lake/parquet/decode.ts'
import { decodeParquet } from '#lake/parquet/decode.ts'
import { footerChecksumKey } from '#lake/parquet/footer-checksum.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'
import { namedVectors, tableOf } from '#test/lake/vectors.ts'
import { watchedWorker } from '#test/watched-worker.ts'

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

  it('never fails otherwise than as a damaged file, whatever the bytes', () =>
    watchedWorker(new URL('./damaged-files.ts', import.meta.url), 18_000))

  describe('comes to an end', () => {
    const file = encodeParquet(columns, 40, { compression: 'uncompressed', keyValues: { a: 'b' } })
    const text = { name: 'c', data: range(row => `text ${row}`), nullable: false }
    const deltas = {
      ...text,
      data: range(row => row),
      type: 'INT32',
      encoding: 'DELTA_BINARY_PACKED',
    } as const

    it('where a schema element has fewer than no children', async () => {
      const at = Buffer.from(file).lastIndexOf(Buffer.from('tags\u0015\u0002'))
      await expectCorrupt(file, { at: at + 5, bytes: [1] })
    })

    it('where the rows, slots or values are more than the file could hold', async () => {
      // The number of rows of the file, then the list of its row groups.
      const rowsAt = Buffer.from(file).lastIndexOf(Buffer.from([0x16, 80, 0x19, 0x1c]))
      await expectCorrupt(file, { at: rowsAt + 1, bytes: [79] })
      for (const { from } of pageBodies(file)) {
        // After the checksum: the slots of a page, or the values of a dictionary.
        const before = Buffer.from(file.subarray(0, from))
        const at = Math.max(...[0x1c, 0x3c].map(field => before.lastIndexOf(Buffer.from([field, 0x15]))))
        await expectCorrupt(file, { at: at + 2, bytes: [0xfe, 0xff, 0xff, 0xff, 0x0f] })
      }
    })

    it('where a list of the footer is longer than the file', async () => {
      const length = Buffer.from(file).readUInt32LE(file.length - 8)
      const footer = file.length - 8 - length
      expect([...file.subarray(footer, footer + 4)]).to.deep.equal([0x15, 2, 0x19, 0x6c])
      await expectCorrupt(file, { at: footer + 3, bytes: [0xfc, 0xff, 0xff, 0xff, 0x07] })
    })

    it('where the footer is one endless number', async () => {
      const bytes = Buffer.alloc(2 ** 20, 0xff)
      bytes.set([0x16], 4)
      bytes.writeUInt32LE(bytes.length - 12, bytes.length - 8)
      await expectCorrupt(bytes, { at: bytes.length - 4, bytes: [...Buffer.from('PAR1')] })
    })

    for (const [what, bytes] of Object.entries({
      'no values': [0x00, 0x01],
      'fewer than no values': [0x80, 0x80, 0x80, 0x80, 0x08, 0x01],
      'fewer than no miniblocks': [0x80, 0x01, 0xff, 0xff, 0xff, 0xff, 0x0f],
    }))
      it(`where a block of deltas has ${what}`, async () => {
        const damaged = parquetWriteBuffer({ codec: 'UNCOMPRESSED', columnData: [deltas] })
        await expectCorrupt(damaged, { at: pageBodies(damaged)[0]!.from, bytes })
      })

    it('where a prefix is longer than the text before', async () => {
      const damaged = parquetWriteBuffer({
        codec: 'UNCOMPRESSED',
        columnData: [{ ...text, type: 'STRING', encoding: 'DELTA_BYTE_ARRAY' }],
      })
      // The first prefix, after 128 values in 4 miniblocks, 500 in all.
      const at = pageBodies(damaged)[0]!.from + 5
      expect([...damaged.subarray(at - 5, at + 1)]).to.deep.equal([0x80, 1, 4, 0xf4, 3, 0])
      await expectCorrupt(damaged, { at, bytes: [0x7e] })
    })

    it('where a stretch of Snappy has fewer than no bytes', async () => {
      const damaged = parquetWriteBuffer({ codec: 'SNAPPY', columnData: [{ ...text, type: 'STRING' }] })
      // A literal of −5 bytes after its length of four: back to where it starts.
      const at = pageBodies(damaged)[0]!.from
      await expectCorrupt(damaged, { at: at + 2, bytes: [0xfc, 0xfa, 0xff, 0xff, 0xff] })
    })
  })

  it('gives no other rows than were written, whatever byte is damaged', async () => {
    const whole = encodeParquet(columns, 40, { compression: 'zstd', keyValues: { a: 'b' } })
    const written = tableOf((await decodeParquet(whole)).columns)
    for (let at = 0; at < whole.length; at++)
      for (const mask of [0x01, 0x10, 0x80, 0xff]) {
        const bytes = Uint8Array.from(whole)
        bytes[at]! ^= mask
        const read = await decodeParquet(bytes).catch((thrown: unknown) => thrown)
        if (read instanceof DataError) continue
        expect(tableOf((read as ParquetColumns).columns), `byte ${at}`).to.deep.equal(written)
      }
  })

  it('names the file, the row group and the column that is damaged', async () => {
    const bytes = Uint8Array.from(encodeParquet(columns, rows, { compression: 'zstd', keyValues: {} }))
    bytes[60]! ^= 0xff
    const error: unknown = await decodeParquet(bytes, undefined, { path: 't/f.parquet' }).catch(
      (e: unknown) => e,
    )
    expect((error as DataError).message).to.equal(
      'The Parquet file t/f.parquet is damaged: column id, row group 0',
    )
    expect((error as DataError).context).to.deep.equal({ path: 't/f.parquet', rowGroup: 0, column: 'id' })
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

/** A copy without the footer's checksum, which would tell of most damage before anything else is looked at. */
function unchecked(whole: Uint8Array): Uint8Array {
  const bytes = Buffer.from(whole)
  const at = bytes.lastIndexOf(footerChecksumKey)
  if (at >= 0) bytes[at] = 0x5f
  return bytes
}

/** `edit` is made to a copy. */
async function expectCorrupt(whole: Uint8Array, edit?: { at: number; bytes: number[] }): Promise<void> {
  const bytes = unchecked(whole)
  if (edit) bytes.set(edit.bytes, edit.at)
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
