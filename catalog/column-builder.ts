// Grow-as-you-go builders of column vectors. Decoders hold one builder per column and append row by row; the
// hot methods are monomorphic and allocate nothing per row.
import { ByteCopier } from './byte-copier.ts'
import type { ColumnVector } from './column.ts'
import type { VectorHead } from './column-builder-base.ts'
import { ColumnBuilder, grownBytes, initialRows } from './column-builder-base.ts'
import type { ColumnType, StructType } from './types.ts'
import { decimalWidth, elementOf } from './types.ts'
import { DataError } from '#common/errors.ts'

export { ColumnBuilder }

export class BooleanBuilder extends ColumnBuilder {
  #values: Uint8Array = new Uint8Array(initialRows >> 3)

  append(value: boolean): void {
    const row = this.nextRow()
    if (value) this.#values[row >> 3]! |= 1 << (row & 7)
  }

  get byteLength(): number {
    return (this.length + 7) >> 3
  }
  protected override cut(): void {
    this.#values[this.length >> 3]! &= (1 << (this.length & 7)) - 1
    this.#values.fill(0, (this.length >> 3) + 1)
  }
  protected appendZero(): void {
    this.nextRow()
  }
  protected resize(capacity: number): void {
    this.#values = grownBytes(this.#values, capacity >> 3, 0)
  }
  protected take(base: VectorHead): ColumnVector {
    const values = this.#values
    this.#values = new Uint8Array(this.capacity >> 3)
    return { ...base, layout: 'bits', values }
  }
}

export class Int32Builder extends ColumnBuilder {
  #values = new Int32Array(initialRows)

  append(value: number): void {
    const row = this.nextRow()
    this.#values[row] = value
  }

  get byteLength(): number {
    return this.length * 4
  }
  protected appendZero(): void {
    this.append(0)
  }
  protected resize(capacity: number): void {
    const grown = new Int32Array(capacity)
    grown.set(this.#values)
    this.#values = grown
  }
  protected take(base: VectorHead): ColumnVector {
    const values = this.#values
    this.#values = new Int32Array(this.capacity)
    return { ...base, layout: 'int32', values }
  }
}

export class Int64Builder extends ColumnBuilder {
  #values = new BigInt64Array(initialRows)
  /** The same bytes as 32-bit words, low word first (every platform Node runs on is little-endian). */
  #words = new Int32Array(this.#values.buffer)

  append(value: bigint): void {
    const row = this.nextRow()
    this.#values[row] = value
  }

  /** An integer with |value| ≤ 2^53 − 1: no BigInt is made. */
  appendNumber(value: number): void {
    const row = this.nextRow()
    const high = Math.floor(value / 0x1_0000_0000)
    this.#words[row * 2] = (value - high * 0x1_0000_0000) | 0
    this.#words[row * 2 + 1] = high
  }

  /** The two 32-bit halves, as a big-endian wire gives them. */
  appendHalves(high: number, low: number): void {
    const row = this.nextRow()
    this.#words[row * 2] = low
    this.#words[row * 2 + 1] = high
  }

  get byteLength(): number {
    return this.length * 8
  }
  protected appendZero(): void {
    this.append(0n)
  }
  protected resize(capacity: number): void {
    const grown = new BigInt64Array(capacity)
    grown.set(this.#values)
    this.#hold(grown)
  }
  protected take(base: VectorHead): ColumnVector {
    const values = this.#values
    this.#hold(new BigInt64Array(this.capacity))
    return { ...base, layout: 'int64', values }
  }
  #hold(values: BigInt64Array<ArrayBuffer>): void {
    this.#values = values
    this.#words = new Int32Array(values.buffer)
  }
}

export class Float64Builder extends ColumnBuilder {
  #values = new Float64Array(initialRows)

  append(value: number): void {
    const row = this.nextRow()
    this.#values[row] = value
  }

  get byteLength(): number {
    return this.length * 8
  }
  protected appendZero(): void {
    this.append(0)
  }
  protected resize(capacity: number): void {
    const grown = new Float64Array(capacity)
    grown.set(this.#values)
    this.#values = grown
  }
  protected take(base: VectorHead): ColumnVector {
    const values = this.#values
    this.#values = new Float64Array(this.capacity)
    return { ...base, layout: 'float64', values }
  }
}

export class Float32Builder extends ColumnBuilder {
  #values = new Float32Array(initialRows)

  append(value: number): void {
    const row = this.nextRow()
    this.#values[row] = value
  }

  get byteLength(): number {
    return this.length * 4
  }
  protected appendZero(): void {
    this.append(0)
  }
  protected resize(capacity: number): void {
    const grown = new Float32Array(capacity)
    grown.set(this.#values)
    this.#values = grown
  }
  protected take(base: VectorHead): ColumnVector {
    const values = this.#values
    this.#values = new Float32Array(this.capacity)
    return { ...base, layout: 'float32', values }
  }
}

/** Decimals: fixed width, two's complement, big-endian. */
export class DecimalBuilder extends ColumnBuilder {
  readonly width: number
  readonly #limit: bigint
  #values: Uint8Array

  constructor(type: ColumnType & { kind: 'decimal' }) {
    super(type)
    this.width = decimalWidth(type.precision)
    this.#limit = 10n ** BigInt(type.precision)
    this.#values = new Uint8Array(initialRows * this.width)
  }

  /** The value times 10^scale. @throws DataError VALUE_OUT_OF_RANGE when it has more digits than the precision. */
  append(unscaled: bigint): void {
    if (unscaled >= this.#limit || unscaled <= -this.#limit)
      throw new DataError('The number has more digits than the column holds', { code: 'VALUE_OUT_OF_RANGE' })
    let rest = unscaled
    const start = this.nextRow() * this.width
    for (let at = start + this.width - 1; at >= start; at--) {
      this.#values[at] = Number(rest & 0xffn)
      rest >>= 8n
    }
  }

  /** The same for |unscaled| ≤ 2^53 − 1: no BigInt is made. The caller has checked the precision. */
  appendNumber(unscaled: number): void {
    const start = this.nextRow() * this.width
    let rest = unscaled
    for (let at = start + this.width - 1; at >= start; at--) {
      const quotient = Math.floor(rest / 256)
      this.#values[at] = rest - quotient * 256
      rest = quotient
    }
  }

  get byteLength(): number {
    return this.length * this.width
  }
  protected appendZero(): void {
    this.nextRow()
  }
  protected resize(capacity: number): void {
    this.#values = grownBytes(this.#values, capacity * this.width, 0)
  }
  protected take(base: VectorHead): ColumnVector {
    const values = this.#values
    this.#values = new Uint8Array(this.capacity * this.width)
    return { ...base, layout: 'fixed', width: this.width, values }
  }
}

/** Strings and bytes. */
export class BinaryBuilder extends ColumnBuilder {
  #offsets = new Int32Array(initialRows + 1)
  #data: Buffer = Buffer.allocUnsafeSlow(initialRows * 16)
  #end = 0
  /** From the source of the last value, which is that of the next one nearly always. */
  #copier: ByteCopier | null = null

  /** Copies source[start, end). */
  appendBytes(source: Uint8Array, start: number, end: number): void {
    const size = end - start
    if (this.#end + size > this.#data.length) this.#reserve(size)
    if (!this.#copier?.isBetween(source, this.#data)) this.#copier = new ByteCopier(source, this.#data)
    this.#copier.copy(start, end, this.#end)
    this.#close(size)
  }

  appendString(value: string): void {
    if (this.#end + value.length * 3 > this.#data.length) this.#reserve(value.length * 3)
    this.#close(this.#data.write(value, this.#end))
  }

  get byteLength(): number {
    return this.length * 4 + this.#end
  }
  protected override cut(): void {
    this.#end = this.#offsets[this.length]!
  }
  protected appendZero(): void {
    this.#close(0)
  }
  protected resize(capacity: number): void {
    const grown = new Int32Array(capacity + 1)
    grown.set(this.#offsets)
    this.#offsets = grown
  }
  protected take(base: VectorHead): ColumnVector {
    const offsets = this.#offsets
    const data = this.#data
    this.#offsets = new Int32Array(this.capacity + 1)
    this.#data = Buffer.allocUnsafeSlow(Math.max(1024, Math.ceil(this.#end * 1.1)))
    this.#end = 0
    this.#copier = null
    return { ...base, layout: 'binary', offsets, data }
  }
  #close(size: number): void {
    const row = this.nextRow()
    this.#end += size
    this.#offsets[row + 1] = this.#end
  }
  #reserve(extra: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#data.length * 2, this.#end + extra))
    this.#data.copy(grown, 0, 0, this.#end)
    this.#data = grown
  }
}

/** Lists and maps: append the elements (of a map its entries) to `child`, then close the row. */
export class ListBuilder extends ColumnBuilder {
  readonly child: ColumnBuilder
  #offsets = new Int32Array(initialRows + 1)

  constructor(type: ColumnType & { kind: 'list' | 'map' }) {
    super(type)
    this.child = columnBuilder(elementOf(type))
  }

  closeRow(): void {
    const row = this.nextRow()
    this.#offsets[row + 1] = this.child.length
  }

  get byteLength(): number {
    return this.length * 4 + this.child.byteLength
  }
  protected override cut(): void {
    this.child.truncate(this.#offsets[this.length]!)
  }
  protected appendZero(): void {
    this.closeRow()
  }
  protected resize(capacity: number): void {
    const grown = new Int32Array(capacity + 1)
    grown.set(this.#offsets)
    this.#offsets = grown
  }
  protected take(base: VectorHead): ColumnVector {
    const offsets = this.#offsets
    this.#offsets = new Int32Array(this.capacity + 1)
    return { ...base, layout: 'list', offsets, child: this.child.finish() }
  }
}

/** Structs: append one value to every child, then close the row. */
export class StructBuilder extends ColumnBuilder {
  readonly children: readonly ColumnBuilder[]

  constructor(type: StructType) {
    super(type)
    this.children = type.fields.map(field => columnBuilder(field.type))
  }

  closeRow(): void {
    this.nextRow()
  }

  get byteLength(): number {
    return this.children.reduce((bytes, child) => bytes + child.byteLength, 0)
  }
  protected override cut(): void {
    for (const child of this.children) child.truncate(this.length)
  }
  protected appendZero(): void {
    for (const child of this.children) child.appendNull()
    this.closeRow()
  }
  protected resize(): void {
    // The children grow by themselves.
  }
  protected take(base: VectorHead): ColumnVector {
    return { ...base, layout: 'struct', children: this.children.map(child => child.finish()) }
  }
}

/** The builder for a type: the class tells which `append` it offers. */
export function columnBuilder(type: ColumnType): ColumnBuilder {
  switch (type.kind) {
    case 'boolean':
      return new BooleanBuilder(type)
    case 'int32':
    case 'date':
      return new Int32Builder(type)
    case 'int64':
    case 'timestamp':
      return new Int64Builder(type)
    case 'float32':
      return new Float32Builder(type)
    case 'float64':
      return new Float64Builder(type)
    case 'decimal':
      return new DecimalBuilder(type)
    case 'string':
    case 'bytes':
      return new BinaryBuilder(type)
    case 'list':
    case 'map':
      return new ListBuilder(type)
    case 'struct':
      return new StructBuilder(type)
  }
}
