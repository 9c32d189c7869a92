// Column types from the names people write in a VirtualTable: the inverse of typeName().
import type { ColumnType, StructField } from './types.ts'

const plain = new Set([
  'boolean',
  'int32',
  'int64',
  'float32',
  'float64',
  'string',
  'bytes',
  'date',
  'timestamp',
] as const)

/** Types within types at most. */
const depthMax = 16

/** `decimal(10,2)`, `list<string>`, `struct<a:int32,b:date>`, `map<string,int64>` …; null when it is no type. */
export function parseTypeName(text: string): ColumnType | null {
  const reader = new TypeReader(text)
  const type = reader.type(0)
  return reader.isAtEnd ? type : null
}

class TypeReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length
  }

  /** type := word | decimal "(" digits "," digits ")" | list "<" type ">" | map "<" string "," type ">" | struct */
  type(depth: number): ColumnType | null {
    if (depth > depthMax) return null
    const word = this.#match(/[a-z0-9]+/y)
    if (word === 'decimal') return this.#decimal()
    if (word === 'struct') return this.#struct(depth)
    if (word === 'list') {
      const element = this.#takes(/</y) ? this.type(depth + 1) : null
      return element && this.#takes(/>/y) ? { kind: 'list', element } : null
    }
    if (word === 'map') {
      const value = this.#takes(/<string, ?/y) ? this.type(depth + 1) : null
      return value && this.#takes(/>/y) ? { kind: 'map', value } : null
    }
    return (plain as ReadonlySet<string | null>).has(word) ? ({ kind: word } as ColumnType) : null
  }

  #decimal(): ColumnType | null {
    const [precision, scale] = (this.#match(/\(\d{1,2},\d{1,2}\)/y) ?? '').match(/\d+/g) ?? []
    if (precision === undefined || scale === undefined) return null
    const digits = { precision: Number(precision), scale: Number(scale) }
    const isOne = digits.precision >= 1 && digits.precision <= 38 && digits.scale <= digits.precision
    return isOne ? { kind: 'decimal', ...digits } : null
  }

  /** struct := "struct<" name ":" type ("," name ":" type)* ">" */
  #struct(depth: number): ColumnType | null {
    if (!this.#takes(/</y)) return null
    const fields: StructField[] = []
    do {
      const name = this.#match(/[^<>:,\s]+/y)
      const type = this.#takes(/: ?/y) ? this.type(depth + 1) : null
      if (name === null || type === null || fields.some(field => field.name === name)) return null
      fields.push({ name, type })
    } while (this.#takes(/, ?/y))
    return this.#takes(/>/y) ? { kind: 'struct', fields } : null
  }

  #takes(pattern: RegExp): boolean {
    return this.#match(pattern) !== null
  }

  /** What the pattern, which is sticky, finds here. */
  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? null
    if (found !== null) this.#at += found.length
    return found
  }
}
