// Hashes of the values of some columns, row by row, for telling whether rows were seen before.
import type { ColumnVector } from '#catalog/column.ts'
import { isNull } from '#catalog/column.ts'
import { hashKey } from './key-hash.ts'
import { recordKeys } from './record-key.ts'

export const hashWords = 4

export interface RowHashes {
  /** Four words for each row. */
  words: Int32Array
  /** 1 for rows in which one of the values is null: they are like no other row. */
  unlike: Uint8Array
}

/** @param columns null: a column the rows do not have */
export function rowHashes(columns: readonly (ColumnVector | null)[], rows: number): RowHashes {
  const words = new Int32Array(rows * hashWords)
  const unlike = new Uint8Array(rows)
  if (columns.some(column => column === null)) return { words, unlike: unlike.fill(1) }
  const vectors = columns as readonly ColumnVector[]
  const texts = vectors.map(vector => recordKeys([{ name: '', vector }], rows).keys)
  // Of several columns the hash is that of their hashes: no text of one can pass for that of another.
  const parts = new Int32Array(texts.length * hashWords)
  const partBytes = new Uint8Array(parts.buffer)
  const all = { start: 0, end: partBytes.length }
  for (let row = 0; row < rows; row++) {
    for (const [index, { data, offsets }] of texts.entries()) {
      if (isNull(vectors[index]!, row)) unlike[row] = 1
      hashKey(data, { start: offsets[row]!, end: offsets[row + 1]! }, parts, index * hashWords)
    }
    hashKey(partBytes, all, words, row * hashWords)
  }
  return { words, unlike }
}
