// The columns that a sample of JSON documents suggests: one per member of the documents, in the order first met.
//
//   whole numbers of 64 bits → int64 · numbers with a fraction or exponent, alone or among whole ones → float64
//   true, false → boolean · strings → string · objects, arrays → string, their JSON text
//   members of mixed kinds, of nothing but null, or with whole numbers beyond 64 bits → string, their JSON text
//
// Every column may be null: no sample proves that a member is always there.
import type { Column, ColumnType } from '#catalog/types.ts'

type Kind = 'null' | 'int64' | 'float64' | 'boolean' | 'string'

/** Documents that use names as data (`{"user-1": …, "user-2": …}`) must not make a table of a million columns. */
const columnsMax = 1000

export class JsonSample {
  readonly #kinds = new Map<string, Kind>()
  /** Documents taken. */
  documents = 0

  /** Takes one document; false when it is no JSON object. */
  add(text: string): boolean {
    const members = memberKinds(text)
    if (members === null) return false
    this.documents++
    for (const [name, kind] of members) {
      const known = this.#kinds.get(name)
      if (known !== undefined) this.#kinds.set(name, joined(known, kind))
      else if (name !== '' && this.#kinds.size < columnsMax) this.#kinds.set(name, kind)
    }
    return true
  }

  columns(): Column[] {
    return [...this.#kinds].map(([name, kind]) => ({ name, type: typeOf(kind), nullable: true }))
  }
}

function typeOf(kind: Kind): ColumnType {
  return kind === 'null' ? { kind: 'string' } : { kind }
}

function joined(a: Kind, b: Kind): Kind {
  if (a === b || b === 'null') return a
  if (a === 'null') return b
  const numbers = (a === 'int64' || a === 'float64') && (b === 'int64' || b === 'float64')
  return numbers ? 'float64' : 'string'
}

/** How the number is written decides between int64 and float64, so it is judged by its text. */
class NumberText {
  readonly kind: Kind

  constructor(text: string) {
    if (!/^-?\d+$/.test(text)) this.kind = 'float64'
    else this.kind = BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? 'int64' : 'string'
  }
}

function memberKinds(text: string): [string, Kind][] | null {
  let document: unknown
  try {
    document = JSON.parse(text, ((_name: string, value: unknown, context: { source?: string }) =>
      typeof value === 'number' ? new NumberText(context.source!) : value) as (
      name: string,
      value: unknown,
    ) => unknown)
  } catch {
    return null
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return null
  if (document instanceof NumberText) return null
  return Object.entries(document).map(([name, value]): [string, Kind] => [name, kindOf(value)])
}

function kindOf(value: unknown): Kind {
  if (value === null) return 'null'
  if (value instanceof NumberText) return value.kind
  return typeof value === 'boolean' ? 'boolean' : 'string'
}
