// Whether two vectors hold the same values, told by their buffers. Meant to find out that nothing has to be written:
// where telling would be costly (lists, structs, values behind nulls) it says no.
import type { ColumnVector } from './column.ts'

/** @param a as long as b and of its type */
export function sameValues(a: ColumnVector, b: ColumnVector): boolean {
  if (a.nullCount !== b.nullCount || !sameValidity(a, b)) return false
  switch (a.layout) {
    case 'bits': {
      const bytes = (a.length + 7) >> 3
      return b.layout === 'bits' && sameBytes(a.values.subarray(0, bytes), b.values.subarray(0, bytes))
    }
    case 'binary': {
      if (b.layout !== 'binary') return false
      const rows = a.length + 1
      return (
        sameBytes(a.offsets.subarray(0, rows), b.offsets.subarray(0, rows)) &&
        sameBytes(a.data.subarray(0, a.offsets[a.length]), b.data.subarray(0, b.offsets[b.length]))
      )
    }
    case 'fixed': {
      const bytes = a.length * a.width
      return b.layout === 'fixed' && sameBytes(a.values.subarray(0, bytes), b.values.subarray(0, bytes))
    }
    case 'list':
    case 'struct':
      return false
    default:
      return (
        a.layout === b.layout && sameBytes(a.values.subarray(0, a.length), b.values.subarray(0, b.length))
      )
  }
}

function sameValidity(a: ColumnVector, b: ColumnVector): boolean {
  if (a.nullCount === 0 || a.validity === null || b.validity === null) return a.nullCount === 0
  const bytes = (a.length + 7) >> 3
  return sameBytes(a.validity.subarray(0, bytes), b.validity.subarray(0, bytes))
}

function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return (
    a.byteLength === b.byteLength &&
    Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
      Buffer.from(b.buffer, b.byteOffset, b.byteLength),
    )
  )
}
