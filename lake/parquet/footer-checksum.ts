// A checksum of the footer, in the footer. Parquet has checksums for pages and none for what says which column a page
// is of: a damaged letter in a column's name reads as a column of nulls. So files of ours have one more key-value pair,
// the CRC-32 of the footer's own bytes as they are with zeros in its place. Other readers pass over it.
import { crc32 } from 'node:zlib'

export const footerChecksumKey = 'sluice.footer.crc32'
/** Eight hexadecimal digits. */
export const noChecksum = '00000000'

/** The value's length stands between the key and the value: a field header and a byte. */
const valueDistance = footerChecksumKey.length + 2

/** Replaces the zeros that end at `end`. */
export function putChecksum(footer: Buffer, end: number): void {
  footer.write(crc32(footer).toString(16).padStart(noChecksum.length, '0'), end - noChecksum.length, 'latin1')
}

/** Footers without a checksum pass. @throws RangeError when the bytes are not those the checksum is of */
export function checkChecksum(footer: Buffer): void {
  const key = footer.lastIndexOf(footerChecksumKey)
  if (key < 0) return
  const start = key + valueDistance
  const value = footer.toString('latin1', start, start + noChecksum.length)
  const plain = Buffer.from(footer)
  plain.write(noChecksum, start, 'latin1')
  if (crc32(plain) !== Number.parseInt(value, 16)) throw new RangeError('the footer is damaged')
}
