import { expect } from 'chai'
import type { ReadRange } from '#lake/parquet/decode-ranges.ts'
import { openParquetRanges } from '#lake/parquet/decode-ranges.ts'
import { openParquet } from '#lake/parquet/decode.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { encodeParquet, ParquetFile } from '#lake/parquet/encode.ts'
import { namedVectors, tableOf } from '../vectors.ts'

const rows = 4000
const columns = namedVectors([
  { name: 'n', type: { kind: 'int64' }, values: Array.from({ length: rows }, (_, row) => BigInt(row)) },
  // Hard to compress, so that the file is much longer than a tail.
  {
    name: 'text',
    type: { kind: 'string' },
    values: Array.from({ length: rows }, (_, row) =>
      Array.from({ length: 12 }, (__, at) => Math.sin(row * 12 + at)).join(),
    ),
  },
  { name: 'odd', type: { kind: 'boolean' }, values: Array.from({ length: rows }, (_, row) => row % 2 === 1) },
])
const options = { compression: 'zstd', keyValues: { k: 'v' }, rowGroupRowsMax: 1000 } as const
const file = encodeParquet(columns, rows, options)
const pause = (): Promise<void> => Promise.resolve()

function readerOf(bytes: Uint8Array, asked: { start: number; length: number }[] = []): ReadRange {
  return (start, length) => {
    asked.push({ start, length })
    const from = start < 0 ? Math.max(0, bytes.length + start) : start
    return Promise.resolve(bytes.slice(from, from + length))
  }
}

async function groups(read: ReadRange, names?: readonly string[]): Promise<Record<string, unknown>[]> {
  const open = await openParquetRanges({ read, sizeBytes: file.length }, names ? { columns: names } : {})
  const found: Record<string, unknown>[] = []
  for await (const { rows: count, columns: some } of open.pacedSlices(pause))
    found.push({ rows: count, ...tableOf(some) })
  return found
}

describe('Parquet read by ranges', () => {
  for (const names of [undefined, ['text'], ['odd', 'n'], ['nothing'], []])
    it(`gives what reading the file whole gives: ${names?.join() ?? 'all columns'}`, async () => {
      const expected: Record<string, unknown>[] = []
      for (const slice of (await openParquet(file, names ? { columns: names } : {})).slices())
        expected.push({ rows: slice.rows, ...tableOf(slice.columns) })
      expect(expected.length).to.equal(4)
      expect(await groups(readerOf(file), names)).to.deep.equal(expected)
    })

  it('asks for the footer and the columns that are wanted, once each', async () => {
    const asked: { start: number; length: number }[] = []
    await groups(readerOf(file, asked), ['n', 'odd'])
    const [tail, ...rest] = asked
    expect(tail).to.deep.equal({ start: -65536, length: 65536 })
    const bytes = rest.reduce((sum, { length }) => sum + length, 0)
    expect(file.length).to.be.greaterThan(100_000)
    expect(bytes).to.be.lessThan(40_000)
  })

  it('reads a footer that is longer than the first guess', async () => {
    const bytes = encodeParquet(columns, rows, { ...options, keyValues: { long: 'x'.repeat(100_000) } })
    expect((await groups(readerOf(bytes))).length).to.equal(4)
  })

  it('asks for no more than there is when the footer says that it is longer', async () => {
    const damaged = Buffer.from(file)
    damaged.writeUInt32LE(0x7fffffff, damaged.length - 8)
    const asked: { start: number; length: number }[] = []
    const error: unknown = await groups(readerOf(damaged, asked)).catch((thrown: unknown) => thrown)
    expect(error).to.include({ name: 'DataError', code: 'LAKE_FILE_CORRUPT' })
    expect(Math.max(...asked.map(({ length }) => length))).to.equal(file.length)
  })

  it('says that a file is cut', async () => {
    const error: unknown = await groups(readerOf(file.subarray(0, 5000))).catch((thrown: unknown) => thrown)
    expect(error).to.include({ name: 'DataError', code: 'LAKE_FILE_CORRUPT' })
  })

  it('says that a file got shorter while it was read', async () => {
    const whole = readerOf(file)
    const short: ReadRange = async (start, length) =>
      start < 0 ? whole(start, length) : (await whole(start, length)).subarray(0, length - 1)
    const error: unknown = await groups(short).catch((thrown: unknown) => thrown)
    expect(error).to.include({ name: 'DataError', code: 'LAKE_FILE_CORRUPT' })
  })

  it('throws what a read ahead throws when its bytes are wanted', async () => {
    const whole = readerOf(file)
    const failure = new Error('away')
    const asked: number[] = []
    const failing: ReadRange = (start, length) => {
      asked.push(start)
      return asked.length === 4 ? Promise.reject(failure) : whole(start, length)
    }
    const open = await openParquetRanges({ read: failing, sizeBytes: file.length })
    const found: number[] = []
    const read = async (): Promise<void> => {
      for await (const slice of open.pacedSlices(pause)) found.push(slice.rows)
    }
    expect(await read().catch((thrown: unknown) => thrown)).to.equal(failure)
    expect(found).to.deep.equal([1000, 1000])
  })
})

describe('a Parquet file taken bit by bit', () => {
  it('has the bytes of the file made at once, and forgets what was taken', () => {
    const streamed = new ParquetFile(columns, options)
    const parts: Uint8Array[] = []
    const sizes: number[] = []
    for (let from = 0; from < rows; from += 1000) {
      streamed.addRowGroup(columns as NamedVector[], { from, to: from + 1000 })
      const taken = streamed.take()
      sizes.push(taken.reduce((sum, { length }) => sum + length, 0))
      parts.push(...taken)
    }
    parts.push(streamed.finish())
    expect(Buffer.compare(Buffer.concat(parts), file)).to.equal(0)
    expect(streamed.sizeBytes).to.equal(file.length)
    for (const size of sizes) expect(size).to.be.lessThan(file.length / 3)
    expect(streamed.take()).to.deep.equal([])
  })
})
