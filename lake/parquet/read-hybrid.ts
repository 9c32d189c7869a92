// The other direction of hybrid.ts: levels and dictionary codes out of RLE / bit-packed runs.
import type { PageReader } from './page-reader.ts'

/** Fills `out` from runs that end at `end`. @throws RangeError when they end before. */
export function readHybrid(page: PageReader, width: number, end: number, out: Int32Array | Uint8Array): void {
  let at = 0
  while (at < out.length) {
    const header = page.varint()
    const count = Math.floor(header / 2)
    if (header % 2 === 1) at = unpack(page, { width, groups: count, end }, out, at)
    else {
      if (count === 0) throw new RangeError('an empty run')
      let value = 0
      for (let shift = 0; shift < width; shift += 8) value |= page.byte() << shift
      out.fill(value, at, at + count)
      at += count
    }
  }
}

/** Values beyond `out` fill the last group. */
function unpack(
  page: PageReader,
  run: { width: number; groups: number; end: number },
  out: Int32Array | Uint8Array,
  from: number,
): number {
  const { width, groups } = run
  const { bytes } = page
  const start = page.skip(Math.min(groups * width, run.end - page.at))
  const to = Math.min(out.length, from + groups * 8)
  const mask = width === 32 ? -1 : (1 << width) - 1
  let byte = start
  let held = 0
  let bits = 0
  for (let at = from; at < to; at++) {
    // At most 7 bits are left over, so that widths up to 24 fit in 32 bits.
    while (bits < width) {
      held |= bytes[byte++]! << bits
      bits += 8
    }
    out[at] = held & mask
    held >>>= width
    bits -= width
  }
  if (byte > page.at) throw new RangeError('packed bits end too soon')
  return to
}
