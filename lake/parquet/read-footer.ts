// The footer of a file, and whether its numbers agree with each other: schema elements, rows of the groups. Rows
// are what everything else is sized by, so they are believed only when footer and groups say the same.
import type { FileMetaData, SchemaElement } from 'hyparquet'
import { parquetMetadata } from 'hyparquet'
import { checkThrift } from './check-thrift.ts'
import { checkChecksum } from './footer-checksum.ts'

/** The length of the footer, the magic. */
const tailBytes = 8

/** How many bytes at the end of a file are its footer, told by the last eight. @throws RangeError */
export function footerBytes(bytes: Uint8Array): number {
  if (bytes.length < 4 + tailBytes) throw new RangeError('too short to be a Parquet file')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.getUint32(bytes.length - tailBytes, true) + tailBytes
}

/** Parsed from the end of the file alone. @throws any error when the bytes are damaged. */
export function readFooter(bytes: Uint8Array): FileMetaData {
  const length = footerBytes(bytes)
  if (length > bytes.length) throw new RangeError('a footer longer than the file')
  const footer = new Uint8Array(bytes.subarray(-length))
  checkChecksum(Buffer.from(footer.buffer, 0, footer.length - tailBytes))
  checkThrift(footer.subarray(0, -tailBytes), 0)
  // Geo columns are none of ours, and marking them never ends where an element has fewer than no children.
  const metadata = parquetMetadata(footer.buffer, { geoparquet: false })
  checkSchema(metadata.schema)
  checkRows(metadata)
  return metadata
}

/** The elements are a tree in depth-first order, without any left over. */
function checkSchema(schema: readonly SchemaElement[]): void {
  let expected = 1
  for (const { num_children: children = 0 } of schema) {
    if (expected === 0 || !Number.isInteger(children) || children < 0 || children > schema.length)
      throw new RangeError('the schema is no tree')
    expected += children - 1
  }
  if (expected !== 0) throw new RangeError('the schema ends too soon')
}

function checkRows({ num_rows: rows, row_groups: groups }: FileMetaData): void {
  let sum = 0n
  for (const { num_rows: inGroup } of groups) {
    if (!(inGroup >= 0n)) throw new RangeError('a row group has fewer than no rows')
    sum += inGroup
  }
  if (sum !== rows) throw new RangeError('the row groups have not as many rows as the file')
}
