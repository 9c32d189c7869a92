// Raw values of a leaf back to a vector: values change to our type, nulls get their rows.
import type { RawChunk } from './read-chunk.ts'
import type { RawValues } from './raw-values.ts'
import type { ReadLeaf } from './read-schema.ts'
import { inMillis } from './read-schema.ts'
import type { ColumnVector } from '#catalog/column.ts'
import type { ColumnType } from '#catalog/types.ts'
import { decimalWidth } from '#catalog/types.ts'

/** The rows of a column that is stored by itself. */
export function assemble(leaf: ReadLeaf, type: ColumnType, chunk: RawChunk): ColumnVector {
  const values = typed(leaf, type, chunk.values)
  return chunk.definition === null ? values : spread(values, chunk.definition, leaf.definitionMax)
}

/** The values that are there, as a vector of the leaf's type. */
export function typed({ element }: ReadLeaf, type: ColumnType, raw: RawValues): ColumnVector {
  const head = { length: raw.length, nullCount: 0, validity: null, unchanged: null }
  const { bytes } = raw.data
  switch (type.kind) {
    case 'boolean':
      return { ...head, type, layout: 'bits', values: bytes.subarray(0, (raw.length + 7) >> 3) }
    case 'int32':
    case 'date':
      return {
        ...head,
        type,
        layout: 'int32',
        values: new Int32Array(bytes.buffer, bytes.byteOffset, raw.length),
      }
    case 'int64':
    case 'timestamp': {
      const values = new BigInt64Array(bytes.buffer, bytes.byteOffset, raw.length)
      if (type.kind === 'timestamp' && inMillis(element))
        for (let row = 0; row < raw.length; row++) values[row]! *= 1000n
      return { ...head, type, layout: 'int64', values }
    }
    case 'float32':
      return {
        ...head,
        type,
        layout: 'float32',
        values: new Float32Array(bytes.buffer, bytes.byteOffset, raw.length),
      }
    case 'float64':
      return {
        ...head,
        type,
        layout: 'float64',
        values: new Float64Array(bytes.buffer, bytes.byteOffset, raw.length),
      }
    case 'decimal': {
      const width = decimalWidth(type.precision)
      return { ...head, type, layout: 'fixed', width, values: decimals(raw, width) }
    }
    default: {
      const offsets =
        raw.width > 0 ? Int32Array.from({ length: raw.length + 1 }, (_, row) => row * raw.width) : raw.offsets
      return { ...head, type, layout: 'binary', offsets, data: bytes }
    }
  }
}

/** Decimals of any physical type, to the column's width: big-endian, sign-extended or cut (checked). */
function decimals(raw: RawValues, width: number): Uint8Array {
  const { bytes } = raw.data
  const littleEndian = raw.physical === 'INT32' || raw.physical === 'INT64'
  if (!littleEndian && raw.width === width) return bytes.subarray(0, raw.length * width)
  const values = new Uint8Array(raw.length * width)
  for (let row = 0; row < raw.length; row++) {
    const start = raw.width > 0 ? row * raw.width : raw.offsets[row]!
    const end = raw.width > 0 ? start + raw.width : raw.offsets[row + 1]!
    if (start === end) throw new RangeError('a decimal has no bytes')
    const sign = bytes[littleEndian ? end - 1 : start]! < 0x80 ? 0 : 0xff
    // `place` counts bytes from the lowest.
    for (let place = 0; place < Math.max(width, end - start); place++) {
      const byte = place >= end - start ? sign : bytes[littleEndian ? start + place : end - 1 - place]!
      if (place < width) values[(row + 1) * width - 1 - place] = byte
      else if (byte !== sign) throw new RangeError('a decimal has more digits than its precision')
    }
  }
  return values
}

/** Rows at the highest definition level take the values in order, the others are null. */
export function spread(values: ColumnVector, definition: Uint8Array, max: number): ColumnVector {
  const length = definition.length
  const validity = new Uint8Array((length + 7) >> 3)
  for (let row = 0; row < length; row++) if (definition[row] === max) validity[row >> 3]! |= 1 << (row & 7)
  const head = { ...values, length, nullCount: length - values.length, validity }
  switch (head.layout) {
    case 'bits': {
      const bits = new Uint8Array((length + 7) >> 3)
      for (let row = 0, at = 0; row < length; row++)
        if (definition[row] === max) {
          bits[row >> 3]! |= ((head.values[at >> 3]! >> (at & 7)) & 1) << (row & 7)
          at++
        }
      return { ...head, values: bits }
    }
    case 'binary': {
      const offsets = new Int32Array(length + 1)
      for (let row = 0, at = 0; row < length; row++) {
        if (definition[row] === max) at++
        offsets[row + 1] = head.offsets[at]!
      }
      return { ...head, offsets }
    }
    case 'fixed': {
      const spaced = new Uint8Array(length * head.width)
      spreadBytes(head.values, spaced, { definition, max, width: head.width })
      return { ...head, values: spaced }
    }
    case 'int32':
      return { ...head, values: spacedWords(head.values, new Int32Array(length), definition, max) }
    case 'int64':
      return { ...head, values: spacedWords(head.values, new BigInt64Array(length), definition, max) }
    case 'float32':
      return { ...head, values: spacedWords(head.values, new Float32Array(length), definition, max) }
    case 'float64':
      return { ...head, values: spacedWords(head.values, new Float64Array(length), definition, max) }
    default:
      return head
  }
}

/** Moved as 32-bit words: the bits stay, and no BigInt is made. */
function spacedWords<T extends Int32Array | BigInt64Array | Float32Array | Float64Array>(
  from: T,
  to: T,
  definition: Uint8Array,
  max: number,
): T {
  const source = new Int32Array(from.buffer, from.byteOffset, from.byteLength / 4)
  const target = new Int32Array(to.buffer)
  const words = to.BYTES_PER_ELEMENT / 4
  for (let row = 0, at = 0; row < definition.length; row++) {
    if (definition[row] !== max) continue
    for (let word = 0; word < words; word++) target[row * words + word] = source[at++]!
  }
  return to
}

function spreadBytes(
  from: Uint8Array,
  to: Uint8Array,
  levels: { definition: Uint8Array; max: number; width: number },
): void {
  const { definition, max, width } = levels
  let at = 0
  for (let row = 0; row < definition.length; row++) {
    if (definition[row] !== max) continue
    for (let byte = 0; byte < width; byte++) to[row * width + byte] = from[at++]!
  }
}
