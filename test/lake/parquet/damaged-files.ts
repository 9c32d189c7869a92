// A script for watchedWorker(): files with a few bytes changed are read, or told to be damaged.
import fc from 'fast-check'
import { parentPort } from 'node:worker_threads'
import { parquetWriteBuffer } from './foreign-files.ts'
import { DataError } from '#common/errors.ts'
import { decodeParquet } from '#lake/parquet/decode.ts'
import { footerChecksumKey } from '#lake/parquet/footer-checksum.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'
import { namedVectors } from '#test/lake/vectors.ts'

const rows = Array.from({ length: 40 }, (_, row) => row)
const columns = namedVectors([
  { name: 'id', type: { kind: 'int64' }, values: rows.map(row => BigInt(row * row)) },
  { name: 'name', type: { kind: 'string' }, values: rows.map(row => (row % 4 === 0 ? null : `name ${row}`)) },
  {
    name: 'tags',
    type: { kind: 'list', element: { kind: 'string' } },
    values: rows.map(row => ['x', null, `t${row}`]),
  },
  {
    name: 'items',
    type: {
      kind: 'list',
      element: {
        kind: 'struct',
        fields: [
          { name: 'a', type: { kind: 'int32' } },
          { name: 'b', type: { kind: 'map', value: { kind: 'string' } } },
        ],
      },
    },
    values: rows.map(row => (row % 3 === 0 ? null : [[row, [['k', 'v']]], null, [null, []]])),
  },
])
const numbers = { name: 'c', data: rows.map(row => row * 7), nullable: true }
const texts = { name: 'c', data: rows.map(row => `text ${row}`) }
const files = [
  withoutChecksum(
    encodeParquet(columns, rows.length, { compression: 'uncompressed', keyValues: { a: 'b' } }),
  ),
  parquetWriteBuffer({
    codec: 'UNCOMPRESSED',
    columnData: [{ ...numbers, type: 'INT32', encoding: 'DELTA_BINARY_PACKED' }],
  }),
  parquetWriteBuffer({
    codec: 'UNCOMPRESSED',
    columnData: [{ ...texts, type: 'STRING', encoding: 'DELTA_BYTE_ARRAY' }],
  }),
  parquetWriteBuffer({ codec: 'SNAPPY', columnData: [{ ...texts, type: 'STRING' }] }),
]

/** What the footer's checksum tells need not be looked at: here it is what is behind that is tried. */
function withoutChecksum(whole: Uint8Array): Uint8Array {
  const bytes = Buffer.from(whole)
  bytes[bytes.lastIndexOf(footerChecksumKey)] = 0x5f
  return bytes
}

/** Bytes that mean most where there is a number: none, one, less than none, more to come. */
const telling = fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xfe, 0xff)
const edits = fc.array(fc.tuple(fc.nat(), fc.oneof(telling, fc.nat(255))), { minLength: 1, maxLength: 8 })

await fc.assert(
  fc.asyncProperty(fc.nat(files.length - 1), edits, async (file, changes) => {
    parentPort!.postMessage({ file, changes })
    const damaged = Uint8Array.from(files[file]!)
    for (const [at, byte] of changes) damaged[at % damaged.length] = byte
    try {
      await decodeParquet(damaged)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
    }
  }),
  { numRuns: 1600, interruptAfterTimeLimit: 10_000 },
)
