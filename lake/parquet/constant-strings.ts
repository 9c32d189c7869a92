// A column in which every row holds the same text, such as Hudi's commit time and file name. To encoders it is
// one value and a count; to anyone else it is an ordinary string column, laid out when first looked at.
import type { BinaryVector, ColumnVector } from '#catalog/column.ts'

export class ConstantStrings implements BinaryVector {
  readonly layout = 'binary'
  readonly type = { kind: 'string' } as const
  readonly nullCount = 0
  readonly validity = null
  readonly unchanged = null
  readonly length: number
  /** The text, in UTF-8. */
  readonly constant: Buffer
  #offsets: Int32Array | null = null
  #data: Uint8Array | null = null

  constructor(value: Buffer, rows: number) {
    this.constant = value
    this.length = rows
  }

  get offsets(): Int32Array {
    this.#offsets ??= Int32Array.from({ length: this.length + 1 }, (_, row) => row * this.constant.length)
    return this.#offsets
  }

  get data(): Uint8Array {
    this.#data ??= Buffer.alloc(this.length * this.constant.length, this.constant)
    return this.#data
  }
}

/** A string column of `rows` rows that all hold `value`. */
export function constantStrings(value: string, rows: number): ColumnVector {
  return new ConstantStrings(Buffer.from(value), rows)
}
