// Gathers rows that come in pieces of any size into row groups of a base file that is being made.
import type { ColumnVector } from '#catalog/column.ts'
import { vectorBytes } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import { ConstantStrings, constantStrings } from '#lake/parquet/constant-strings.ts'
import type { NamedVector, ParquetFile } from '#lake/parquet/encode.ts'

const groupBytes = 8 << 20
/** What has so many bytes makes a group by itself: joining it with the next would copy it. */
const groupBytesMin = 4 << 20
const groupRowsMax = 1 << 17

export class RowGroups {
  readonly #file: ParquetFile
  readonly #pause: () => Promise<void>
  #pieces: (readonly NamedVector[])[] = []
  #bytes = 0
  #rows = 0

  constructor(file: ParquetFile, pause: () => Promise<void>) {
    this.#file = file
    this.#pause = pause
  }

  /** Columns as those of the file. */
  async add(columns: readonly NamedVector[], rows: number): Promise<void> {
    if (rows === 0) return
    this.#pieces.push(columns)
    this.#rows += rows
    for (const { vector } of columns)
      if (!(vector instanceof ConstantStrings)) this.#bytes += vectorBytes(vector)
    if (this.#bytes >= groupBytesMin) await this.flush()
  }

  /** Writes what has been gathered. */
  async flush(): Promise<void> {
    if (this.#rows === 0) return
    await this.#pause()
    const joined = this.#joined()
    const rows = this.#rows
    const step = this.#rowsOfGroup()
    this.#pieces = []
    this.#bytes = this.#rows = 0
    for (let from = 0; from < rows; from += step) {
      const range = { from, to: Math.min(rows, from + step) }
      await this.#file.addPacedRowGroup(joined, range, this.#pause)
    }
  }

  #joined(): NamedVector[] {
    return this.#pieces[0]!.map((column, index) => ({
      ...column,
      vector: joinVectors(this.#pieces.map(piece => piece[index]!.vector)),
    }))
  }

  /** A multiple of 8 (see ParquetFile.addRowGroup). */
  #rowsOfGroup(): number {
    const byBytes = Math.floor((groupBytes / Math.max(this.#bytes, 1)) * this.#rows)
    return Math.max(8, Math.min(byBytes, groupRowsMax) & ~7)
  }
}

function joinVectors(vectors: readonly ColumnVector[]): ColumnVector {
  const first = vectors[0]!
  if (vectors.length === 1) return first
  if (vectors.every(vector => vector instanceof ConstantStrings && vector.constant.equals(constantOf(first))))
    return constantStrings(
      constantOf(first).toString(),
      vectors.reduce((sum, { length }) => sum + length, 0),
    )
  return concatVectors(vectors)
}

function constantOf(vector: ColumnVector): Buffer {
  return (vector as ConstantStrings).constant
}
