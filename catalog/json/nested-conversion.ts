// How arrays and objects become values of lists, structs and maps: each element, field or member is a document of its
// own with columns of its own. As everywhere here, prepare() may fail and append() may not.
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import { BinaryBuilder, ListBuilder, StructBuilder } from '#catalog/column-builder.ts'
import type { StructType } from '#catalog/types.ts'
import type { Conversion, JsonValue } from './conversion.ts'
import { outOfRange, wrongKind } from './conversion.ts'
import type { JsonColumn } from './json-column.ts'
import { pathTree } from './path-tree.ts'
import { JsonScanner, Token } from './scanner.ts'

/** Reads a document into columns. */
export interface DocumentReader {
  prepare(bytes: Uint8Array, start: number, end: number): void
  append(): void
}
export type MakeReader = (columns: readonly JsonColumn[]) => DocumentReader

/**
 * The conversion of a list, a struct or a map.
 * @param name of the column, for errors
 * @param reader makes the reader of what is in it
 */
export function nestedConversion(builder: ColumnBuilder, name: string, reader: MakeReader): Conversion {
  if (builder instanceof StructBuilder) return new StructConversion(builder, name, reader)
  const list = builder as ListBuilder
  if (builder.type.kind === 'map') return new MapConversion(list, name, reader)
  return new ListConversion(list, reader([columnOf('element', list.child, [])]))
}

function columnOf(name: string, builder: ColumnBuilder, path: readonly string[]): JsonColumn {
  return { column: { name, type: builder.type, nullable: true }, builder, path }
}

class ListConversion implements Conversion {
  readonly #builder: ListBuilder
  readonly #scanner = new JsonScanner(pathTree([]))
  readonly #element: DocumentReader
  #bytes: Uint8Array = new Uint8Array(0)
  #ranges: readonly number[] = []

  constructor(builder: ListBuilder, element: DocumentReader) {
    this.#builder = builder
    this.#element = element
  }
  prepare(value: JsonValue): void {
    if (value.kind !== Token.array) throw wrongKind('an array')
    this.#bytes = value.bytes
    this.#ranges = this.#scanner.elements(value.bytes, value.start, value.end)
    for (let at = 0; at < this.#ranges.length; at += 2) this.#prepareElement(at)
  }
  append(): void {
    for (let at = 0; at < this.#ranges.length; at += 2) {
      this.#prepareElement(at)
      this.#element.append()
    }
    this.#builder.closeRow()
  }
  #prepareElement(at: number): void {
    this.#element.prepare(this.#bytes, this.#ranges[at]!, this.#ranges[at + 1]!)
  }
}

/** Members that are no field are left out; fields that are no member are null. */
class StructConversion implements Conversion {
  readonly #builder: StructBuilder
  readonly #fields: DocumentReader

  constructor(builder: StructBuilder, name: string, reader: MakeReader) {
    this.#builder = builder
    const { fields } = builder.type as StructType
    this.#fields = reader(
      fields.map((field, at) => columnOf(`${name}.${field.name}`, builder.children[at]!, [field.name])),
    )
  }
  prepare(value: JsonValue): void {
    if (value.kind !== Token.object) throw wrongKind('an object')
    this.#fields.prepare(value.bytes, value.start, value.end)
  }
  append(): void {
    this.#fields.append()
    this.#builder.closeRow()
  }
}

class MapConversion implements Conversion {
  readonly #builder: ListBuilder
  readonly #entries: StructBuilder
  readonly #scanner = new JsonScanner(pathTree([]))
  readonly #value: DocumentReader
  #bytes: Uint8Array = new Uint8Array(0)
  /** Where the value of each name stands: of equal names that of the last one, as everywhere. */
  readonly #members = new Map<string, { start: number; end: number }>()

  constructor(builder: ListBuilder, name: string, reader: MakeReader) {
    this.#builder = builder
    this.#entries = builder.child as StructBuilder
    this.#value = reader([columnOf(`${name}.value`, this.#entries.children[1]!, [])])
  }
  prepare({ kind, bytes, start, end }: JsonValue): void {
    if (kind !== Token.object) throw wrongKind('an object')
    this.#bytes = bytes
    this.#members.clear()
    for (const member of this.#scanner.members(bytes, start, end)) {
      if (!member.name.isWellFormed()) throw outOfRange('text: half a surrogate pair stands alone')
      this.#members.set(member.name, member)
    }
    for (const value of this.#members.values()) this.#value.prepare(bytes, value.start, value.end)
  }
  append(): void {
    for (const [name, value] of this.#members) {
      ;(this.#entries.children[0] as BinaryBuilder).appendString(name)
      this.#value.prepare(this.#bytes, value.start, value.end)
      this.#value.append()
      this.#entries.closeRow()
    }
    this.#builder.closeRow()
  }
}
