// Parquet's RLE / bit-packing hybrid, for levels and dictionary codes.
// See https://github.com/apache/parquet-format/blob/master/Encodings.md#RLE.
//
//   run := varint(count << 1) value, in ⌈width / 8⌉ bytes  |  varint(groups of 8 << 1 | 1) packed bits, LSB first
import type { ByteSink } from './byte-sink.ts'

/** Bits that hold 0 … max, at least one. */
export function bitWidth(max: number): number {
  return Math.max(1, 32 - Math.clz32(max))
}

/** One value, repeated. */
export function writeRun(sink: ByteSink, value: number, count: number, width: number): void {
  sink.varint(count * 2)
  for (let bits = 0; bits < width; bits += 8) sink.byte((value >>> bits) & 0xff)
}

/** values[from, to), each below 2^width; width ≤ 24. */
export function writeHybrid(
  sink: ByteSink,
  values: Int32Array | Uint8Array,
  range: { from: number; to: number },
  width: number,
): void {
  const { to } = range
  for (let at = range.from; at < to;) {
    const run = runLength(values, at, to)
    if (run >= 8) {
      writeRun(sink, values[at]!, run, width)
      at += run
      continue
    }
    const start = at
    do at += 8
    while (at < to && !runOfEight(values, at, to))
    packBits(sink, values, { from: start, to: Math.min(at, to) }, width)
  }
}

function runLength(values: Int32Array | Uint8Array, from: number, to: number): number {
  const value = values[from]
  let at = from + 1
  while (at < to && values[at] === value) at++
  return at - from
}

function runOfEight(values: Int32Array | Uint8Array, from: number, to: number): boolean {
  if (from + 8 > to) return false
  const value = values[from]
  for (let at = from + 1; at < from + 8; at++) if (values[at] !== value) return false
  return true
}

function packBits(
  sink: ByteSink,
  values: Int32Array | Uint8Array,
  range: { from: number; to: number },
  width: number,
): void {
  const groups = (range.to - range.from + 7) >> 3
  sink.varint(groups * 2 + 1)
  sink.reserve(groups * width)
  const { bytes } = sink
  const end = sink.at + groups * width
  let at = sink.at
  let bits = 0
  let held = 0
  for (let index = range.from; index < range.to; index++) {
    held |= values[index]! << bits
    bits += width
    for (; bits >= 8; bits -= 8) {
      bytes[at++] = held & 0xff
      held >>>= 8
    }
  }
  if (bits > 0) bytes[at++] = held & 0xff
  bytes.fill(0, at, end)
  sink.at = end
}

/** The definition levels of a flat nullable column: its validity bitmap from row `from`, a multiple of 8. */
export function writeValidity(
  sink: ByteSink,
  validity: Uint8Array,
  range: { from: number; to: number },
): void {
  const groups = (range.to - range.from + 7) >> 3
  sink.varint(groups * 2 + 1)
  sink.append(validity.subarray(range.from >> 3, (range.from >> 3) + groups))
  const spare = groups * 8 - (range.to - range.from)
  if (spare > 0) sink.bytes[sink.at - 1]! &= 0xff >> spare
}
