// What the records of a key are compared by, as columns hold it and as a merge keeps it.
import type { ColumnVector } from '#catalog/column.ts'
import { isNull } from '#catalog/column.ts'
import { invariant } from '#common/errors.ts'

/** What two records of a key are compared by; null: less than all. Of one table all are of one type. */
export type Ordering = bigint | number | string | null

/** A delete whose ordering is this applies whatever the row's ordering is (Spark's DELETE writes zero). */
export const alwaysDeletes = Symbol('always')

export type DeleteOrdering = Ordering | typeof alwaysDeletes

/** The ordering value of each row; an array is one. */
export interface Orderings<T = Ordering> {
  at(row: number): T | undefined
}

/** The ordering values of a column, each read when it is asked for. */
export function orderingsOf(vector: ColumnVector): Orderings {
  const value = valuesOf(vector)
  return { at: row => (isNull(vector, row) ? null : value(row)) }
}

function valuesOf(vector: ColumnVector): (row: number) => Ordering {
  if (vector.layout === 'int64' || vector.layout === 'int32') return row => BigInt(vector.values[row]!)
  if (vector.layout === 'float64' || vector.layout === 'float32') return row => vector.values[row]!
  invariant(vector.layout === 'binary', 'An ordering column is a number or text')
  return row => Buffer.from(vector.data.subarray(vector.offsets[row], vector.offsets[row + 1])).toString()
}

const State = { null: 0, long: 1, other: 2 } as const

/** Ordering values by number. Longs, which nearly all are, take nine bytes each. */
export class OrderingList {
  #states = new Uint8Array(32)
  #longs = new BigInt64Array(32)
  readonly #others = new Map<number, DeleteOrdering>()

  get bytes(): number {
    return this.#states.length * 9 + this.#others.size * 64
  }

  get(number: number): DeleteOrdering {
    const state = this.#states[number]
    if (state === State.long) return this.#longs[number]!
    return state === State.other ? this.#others.get(number)! : null
  }

  set(number: number, ordering: DeleteOrdering): void {
    if (number >= this.#states.length) this.#grow(number + 1)
    if (this.#states[number] === State.other) this.#others.delete(number)
    if (ordering === null) this.#states[number] = State.null
    else if (typeof ordering === 'bigint') {
      this.#states[number] = State.long
      this.#longs[number] = ordering
    } else {
      this.#states[number] = State.other
      this.#others.set(number, ordering)
    }
  }

  #grow(needed: number): void {
    const capacity = Math.max(needed, this.#states.length * 2)
    const states = new Uint8Array(capacity)
    states.set(this.#states)
    const longs = new BigInt64Array(capacity)
    longs.set(this.#longs)
    this.#states = states
    this.#longs = longs
  }
}
