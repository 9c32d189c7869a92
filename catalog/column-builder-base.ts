// What all column builders share: row count, capacity, validity and the marks of unchanged values.
import type { ColumnVector } from './column.ts'
import type { ColumnType } from './types.ts'

/** Rows a builder has room for at first. */
export const initialRows = 1024

export abstract class ColumnBuilder {
  readonly type: ColumnType
  length = 0
  protected capacity = initialRows
  protected nullCount = 0
  #validity: Uint8Array | null = null
  #unchanged: Uint8Array | null = null

  constructor(type: ColumnType) {
    this.type = type
  }

  appendNull(): void {
    this.nullCount++
    this.appendZero()
    this.#validity ??= new Uint8Array(this.capacity >> 3).fill(0xff)
    const row = this.length - 1
    this.#validity[row >> 3]! &= ~(1 << (row & 7))
  }

  /** A value the source left out because it did not change: null here, kept as it is in the target. */
  appendUnchanged(): void {
    this.appendNull()
    this.#unchanged ??= new Uint8Array(this.capacity >> 3)
    const row = this.length - 1
    this.#unchanged[row >> 3]! |= 1 << (row & 7)
  }

  /** Forgets the rows from `length` on: a record that cannot be decoded whole leaves nothing behind. */
  truncate(length: number): void {
    for (let row = length; row < this.length; row++) {
      const bit = 1 << (row & 7)
      if (this.#validity && (this.#validity[row >> 3]! & bit) === 0) {
        this.#validity[row >> 3]! |= bit
        this.nullCount--
      }
      if (this.#unchanged) this.#unchanged[row >> 3]! &= ~bit
    }
    if (length < this.length) this.length = length
    this.cut()
  }

  /** Bytes held by the rows appended so far. */
  abstract get byteLength(): number

  /** Hands over what was appended and starts afresh. */
  finish(): ColumnVector {
    const vector = this.take({
      type: this.type,
      length: this.length,
      nullCount: this.nullCount,
      validity: this.#validity,
      unchanged: this.#unchanged,
    })
    this.length = 0
    this.nullCount = 0
    this.#validity = null
    this.#unchanged = null
    return vector
  }

  /** Appends the layout's zero value; the row is then marked null. */
  protected abstract appendZero(): void
  protected abstract take(base: VectorHead): ColumnVector
  protected abstract resize(capacity: number): void
  /** Drops what the layout holds beyond `length` rows. */
  protected cut(): void {}

  /** Makes room for one more row and returns its index. */
  protected nextRow(): number {
    if (this.length === this.capacity) {
      this.capacity *= 2
      this.resize(this.capacity)
      if (this.#validity) this.#validity = grownBytes(this.#validity, this.capacity >> 3, 0xff)
      if (this.#unchanged) this.#unchanged = grownBytes(this.#unchanged, this.capacity >> 3, 0)
    }
    return this.length++
  }
}

/** The part of a vector that does not depend on its layout. */
export type VectorHead = Pick<ColumnVector, 'type' | 'length' | 'nullCount' | 'validity' | 'unchanged'>

export function grownBytes(bytes: Uint8Array, length: number, fill: number): Uint8Array {
  const grown = new Uint8Array(length)
  if (fill !== 0) grown.fill(fill, bytes.length)
  grown.set(bytes)
  return grown
}
