// The columns that a sample of JSON documents suggests: one per member of the documents, in the order first met.
//
//   whole numbers of 64 bits → int64 · numbers with a fraction or exponent, alone or among whole ones → float64
//   true, false → boolean · strings → string
//   objects, arrays → string, their JSON text; or a struct of what their members suggest, a list of their elements
//   members of mixed kinds, of nothing but null, or with whole numbers beyond 64 bits → string, their JSON text
//
// Every column may be null: no sample proves that a member is always there.
import type { Column, ColumnType } from '#catalog/types.ts'

/** How objects and arrays are taken: as their JSON text, or as values that hold others. */
export type ObjectsAs = 'text' | 'struct'

type Kind = 'null' | 'int64' | 'float64' | 'boolean' | 'string' | ObjectKind | ArrayKind
type ObjectKind = ReadonlyMap<string, Kind>
interface ArrayKind {
  element: Kind
}

/** Documents that use names as data (`{"user-1": …, "user-2": …}`) must not make a table of a million columns. */
const columnsMax = 1000
/** An object of more members uses names as data. */
const fieldsMax = 200
/** Objects and arrays within each other; what is deeper is text. */
const depthMax = 8

export class JsonSample {
  readonly #objects: ObjectsAs
  readonly #kinds = new Map<string, Kind>()
  /** Documents taken. */
  documents = 0

  constructor(objects: ObjectsAs = 'text') {
    this.#objects = objects
  }

  /** Takes one document; false when it is no JSON object. */
  add(text: string): boolean {
    const members = memberKinds(text, this.#objects === 'struct' ? depthMax : 0)
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
  if (typeof kind === 'string') return kind === 'null' ? { kind: 'string' } : { kind }
  if ('element' in kind) return { kind: 'list', element: typeOf(kind.element) }
  const fields = [...kind]
    .filter(([name]) => name !== '')
    .map(([name, inner]) => ({ name, type: typeOf(inner) }))
  return fields.length === 0 || fields.length > fieldsMax ? { kind: 'string' } : { kind: 'struct', fields }
}

function joined(a: Kind, b: Kind): Kind {
  if (a === b || b === 'null') return a
  if (a === 'null') return b
  if (typeof a === 'object' && typeof b === 'object') {
    if ('element' in a) return 'element' in b ? { element: joined(a.element, b.element) } : 'string'
    return 'element' in b ? 'string' : joinedObjects(a, b)
  }
  const numbers = (a === 'int64' || a === 'float64') && (b === 'int64' || b === 'float64')
  return numbers ? 'float64' : 'string'
}

function joinedObjects(a: ObjectKind, b: ObjectKind): ObjectKind {
  const members = new Map(a)
  for (const [name, kind] of b) {
    const known = members.get(name)
    if (known !== undefined) members.set(name, joined(known, kind))
    else if (members.size <= fieldsMax) members.set(name, kind)
  }
  return members
}

/** How the number is written decides between int64 and float64, so it is judged by its text. */
class NumberText {
  readonly kind: 'int64' | 'float64' | 'string'

  constructor(text: string) {
    if (!/^-?\d+$/.test(text)) this.kind = 'float64'
    else this.kind = BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? 'int64' : 'string'
  }
}

/** @param depth of objects and arrays that are looked into */
function memberKinds(text: string, depth: number): [string, Kind][] | null {
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
  return Object.entries(document).map(([name, value]): [string, Kind] => [name, kindOf(value, depth)])
}

function kindOf(value: unknown, depth: number): Kind {
  if (value === null) return 'null'
  if (value instanceof NumberText) return value.kind
  if (Array.isArray(value) && depth > 0)
    return { element: value.map(each => kindOf(each, depth - 1)).reduce(joined, 'null') }
  if (typeof value === 'object' && depth > 0)
    return new Map(Object.entries(value).map(([name, inner]) => [name, kindOf(inner, depth - 1)]))
  return typeof value === 'boolean' ? 'boolean' : 'string'
}
