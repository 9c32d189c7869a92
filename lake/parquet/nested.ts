// Lists as Parquet stores them: a flat run of leaf values, with a repetition and a definition level for each
// slot (Dremel). Definition levels of a nullable list: 0 null, 1 empty, then the same two steps for each level
// of nesting, and the last for a present element. See "Dremel: Interactive Analysis of Web-Scale Datasets".
import type { RowRange } from './row-range.ts'
import type { ColumnVector, ListVector } from '#catalog/column.ts'
import { isNull } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'

export interface NestedLeaf {
  /** The present elements only, in order. */
  values: ColumnVector
  repetition: Uint8Array
  definition: Uint8Array
  /** First slot of each row of the range, and the end. */
  rowSlots: Int32Array
  /** First value of each row of the range, and the end. */
  rowValues: Int32Array
  repetitionMax: number
  definitionMax: number
}

/** How deep a column is: its path below the column's name and its highest levels. */
export interface Nesting {
  path: readonly string[]
  repetitionMax: number
  definitionMax: number
}

export function nestingOf(vector: ColumnVector, nullable: boolean): Nesting {
  const own = nullable ? 1 : 0
  if (vector.layout !== 'list') return { path: [], repetitionMax: 0, definitionMax: own }
  const inner = nestingOf(vector.child, true)
  return {
    path: ['list', 'element', ...inner.path],
    repetitionMax: inner.repetitionMax + 1,
    definitionMax: inner.definitionMax + 1 + own,
  }
}

export function nestedLeaf(vector: ListVector, range: RowRange, nullable: boolean): NestedLeaf {
  const { repetitionMax, definitionMax } = nestingOf(vector, nullable)
  let leaf: ColumnVector = vector
  while (leaf.layout === 'list') leaf = leaf.child
  const rows = range.to - range.from
  const slots = new Slots()
  const rowSlots = new Int32Array(rows + 1)
  const rowValues = new Int32Array(rows + 1)
  for (let row = 0; row < rows; row++) {
    slots.row(vector, range.from + row, { repetition: 0, depth: 0, definition: nullable ? 1 : 0 })
    rowSlots[row + 1] = slots.repetition.length
    rowValues[row + 1] = slots.values.length
  }
  return {
    values: gather(leaf, Int32Array.from(slots.values), slots.values.length),
    repetition: Uint8Array.from(slots.repetition),
    definition: Uint8Array.from(slots.definition),
    rowSlots,
    rowValues,
    repetitionMax,
    definitionMax,
  }
}

/** Where the walk stands: levels of the next slot when the value at hand is present. */
interface Level {
  repetition: number
  depth: number
  definition: number
}

class Slots {
  readonly repetition: number[] = []
  readonly definition: number[] = []
  readonly values: number[] = []

  row(vector: ColumnVector, row: number, level: Level): void {
    if (isNull(vector, row)) return this.#push(level.repetition, level.definition - 1)
    if (vector.layout !== 'list') {
      this.#push(level.repetition, level.definition)
      this.values.push(row)
      return
    }
    const start = vector.offsets[row]!
    const end = vector.offsets[row + 1]!
    if (start === end) return this.#push(level.repetition, level.definition)
    const depth = level.depth + 1
    for (let child = start; child < end; child++)
      this.row(vector.child, child, {
        repetition: child === start ? level.repetition : depth,
        depth,
        definition: level.definition + 2,
      })
  }

  #push(repetition: number, definition: number): void {
    this.repetition.push(repetition)
    this.definition.push(definition)
  }
}
