// Reads a lake table with our own reader, for machines where hudi-rs cannot be had.
import { systemClock } from '#common/clock.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { bitAt, isNull } from '#catalog/column.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { openStore } from '#lake/storage/open.ts'
import type { LakeReader } from './compare.ts'

export function ownReader(lake: string): LakeReader {
  return async function* read(table, columns) {
    const reader = await TableReader.open(await openStore(`file://${lake}/${table}`, { clock: systemClock }))
    for await (const batch of reader.read({ columns }))
      for (let row = 0; row < batch.rows; row++) yield batch.columns.map(({ vector }) => text(vector, row))
  }
}

/** The value as PostgreSQL's `::text` prints it; timestamps as microseconds. */
function text(vector: ColumnVector, row: number): string | null {
  if (isNull(vector, row)) return null
  switch (vector.layout) {
    case 'bits':
      return bitAt(vector.values, row) ? 'true' : 'false'
    case 'binary':
      return Buffer.from(vector.data.subarray(vector.offsets[row], vector.offsets[row + 1])).toString()
    case 'fixed':
      return decimal(
        vector.values.subarray(row * vector.width, (row + 1) * vector.width),
        vector.type.kind === 'decimal' ? vector.type.scale : 0,
      )
    case 'int32':
      return vector.type.kind === 'date'
        ? new Date(vector.values[row]! * 86_400_000).toISOString().slice(0, 10)
        : String(vector.values[row])
    case 'list':
    case 'struct':
      throw new Error('the shop has no nested columns')
    default:
      return String(vector.values[row])
  }
}

function decimal(bytes: Uint8Array, scale: number): string {
  const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const sign = unscaled < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
