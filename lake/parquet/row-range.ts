// Runs of rows, and counting the nulls in them.

/** Rows from, from + 1, … to − 1. */
export interface RowRange {
  from: number
  to: number
}

/** Rows of the range that have a value; `from` is a multiple of 8. */
export function presentRows(validity: Uint8Array | null, range: RowRange): number {
  if (validity === null) return range.to - range.from
  const whole = range.to >> 3
  let count = 0
  for (let at = range.from >> 3; at < whole; at++) count += ones(validity[at]!)
  const rest = range.to & 7
  if (rest > 0) count += ones(validity[whole]! & ((1 << rest) - 1))
  return count
}

function ones(byte: number): number {
  const pairs = byte - ((byte >> 1) & 0x55)
  const quads = (pairs & 0x33) + ((pairs >> 2) & 0x33)
  return (quads + (quads >> 4)) & 0x0f
}
