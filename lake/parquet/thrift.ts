// Writer of Thrift's compact protocol, as far as Parquet's page headers and footer need it.
// See https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
//
//   struct := field* 0x00          field := (id delta << 4 | type) value, or type, zigzag id, value
//   list   := (size << 4 | element type) element*, or 0xf0 | element type, varint size, element*
import { ByteSink } from './byte-sink.ts'

const Type = { true: 1, false: 2, i16: 4, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const

export class ThriftWriter {
  readonly sink: ByteSink
  #lastId = 0

  constructor(sink: ByteSink = new ByteSink(4096)) {
    this.sink = sink
  }

  /** A whole struct outside any field: a page header, a footer, an element of a list of structs. */
  struct(write: () => void): void {
    const outer = this.#lastId
    this.#lastId = 0
    write()
    this.sink.byte(0)
    this.#lastId = outer
  }

  structField(id: number, write: () => void): void {
    this.#header(id, Type.struct)
    this.struct(write)
  }

  bool(id: number, value: boolean): void {
    this.#header(id, value ? Type.true : Type.false)
  }

  i16(id: number, value: number): void {
    this.#header(id, Type.i16)
    this.#zigzag(value)
  }

  i32(id: number, value: number): void {
    this.#header(id, Type.i32)
    this.#zigzag(value)
  }

  /** |value| < 2^52. */
  i64(id: number, value: number): void {
    this.#header(id, Type.i64)
    this.#zigzag(value)
  }

  binary(id: number, value: Uint8Array): void {
    this.#header(id, Type.binary)
    this.#bytes(value)
  }

  string(id: number, value: string): void {
    this.binary(id, Buffer.from(value))
  }

  i32List(id: number, values: readonly number[]): void {
    this.#list(id, Type.i32, values.length)
    for (const value of values) this.#zigzag(value)
  }

  stringList(id: number, values: readonly string[]): void {
    this.#list(id, Type.binary, values.length)
    for (const value of values) this.#bytes(Buffer.from(value))
  }

  structList<T>(id: number, values: readonly T[], write: (value: T, index: number) => void): void {
    this.#list(id, Type.struct, values.length)
    for (const [index, value] of values.entries()) this.struct(() => write(value, index))
  }

  #header(id: number, type: number): void {
    const delta = id - this.#lastId
    if (delta > 0 && delta < 16) this.sink.byte((delta << 4) | type)
    else {
      this.sink.byte(type)
      this.#zigzag(id)
    }
    this.#lastId = id
  }

  #list(id: number, type: number, size: number): void {
    this.#header(id, Type.list)
    if (size < 15) this.sink.byte((size << 4) | type)
    else {
      this.sink.byte(0xf0 | type)
      this.sink.varint(size)
    }
  }

  #bytes(value: Uint8Array): void {
    this.sink.varint(value.length)
    this.sink.append(value)
  }

  #zigzag(value: number): void {
    this.sink.varint(value < 0 ? -value * 2 - 1 : value * 2)
  }
}
