// Nested columns as Parquet stores them: each leaf a flat run of values, with a repetition and a definition level for
// each slot (Dremel). Definition levels count the steps from the column down that are there: one for each value that
// may be null and is not, one for each list or map that has an element. A slot ends at the first step that is missing.
// See "Dremel: Interactive Analysis of Web-Scale Datasets".
import type { RowRange } from './row-range.ts'
import type { ColumnVector, ListVector } from '#catalog/column.ts'
import { isNull } from '#catalog/column.ts'
import { gather } from '#catalog/gather.ts'

export interface NestedLeaf {
  /** The values that are there, in order. */
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

/** The slots of a vector somewhere in the column. */
interface Slots {
  /** Row of the vector; ended: something above is null or empty. */
  rows: Int32Array
  repetition: Uint8Array
  definition: Uint8Array
  repetitionMax: number
  definitionMax: number
}

const ended = -1

/** The leaves of a column of lists, maps or structs, in the order of its schema. */
export function nestedLeaves(vector: ColumnVector, range: RowRange, nullable: boolean): NestedLeaf[] {
  const rows = Int32Array.from({ length: range.to - range.from }, (_, row) => range.from + row)
  const levels = { repetition: new Uint8Array(rows.length), definition: new Uint8Array(rows.length) }
  return leavesBelow(vector, { rows, ...levels, repetitionMax: 0, definitionMax: 0 }, nullable)
}

function leavesBelow(vector: ColumnVector, slots: Slots, nullable: boolean): NestedLeaf[] {
  const present = nullable ? presentSlots(vector, slots) : slots
  switch (vector.layout) {
    case 'struct':
      return vector.children.flatMap(child => leavesBelow(child, present, true))
    case 'list': {
      const elements = elementSlots(vector, present)
      const { child } = vector
      if (vector.type.kind === 'list' || child.layout !== 'struct') return leavesBelow(child, elements, true)
      // Entries of a map are never null, nor are their keys.
      const [keys, values] = child.children
      return [...leavesBelow(keys!, elements, false), ...leavesBelow(values!, elements, true)]
    }
    default:
      return [leafOf(vector, present)]
  }
}

function presentSlots(vector: ColumnVector, slots: Slots): Slots {
  const rows = slots.rows.slice()
  const definition = slots.definition.slice()
  for (let slot = 0; slot < rows.length; slot++) {
    if (rows[slot] === ended) continue
    if (isNull(vector, rows[slot]!)) rows[slot] = ended
    else definition[slot]!++
  }
  return { ...slots, rows, definition, definitionMax: slots.definitionMax + 1 }
}

/** One slot for each element; a list without one keeps its own, which ends there. */
function elementSlots({ offsets }: ListVector, slots: Slots): Slots {
  const count = slots.rows.reduce(
    (sum, row) => sum + (row === ended ? 1 : Math.max(1, offsets[row + 1]! - offsets[row]!)),
    0,
  )
  const rows = new Int32Array(count).fill(ended)
  const repetition = new Uint8Array(count)
  const definition = new Uint8Array(count)
  const repetitionMax = slots.repetitionMax + 1
  let to = 0
  for (let slot = 0; slot < slots.rows.length; slot++) {
    const row = slots.rows[slot]!
    repetition[to] = slots.repetition[slot]!
    definition[to] = slots.definition[slot]!
    const start = row === ended ? 0 : offsets[row]!
    const end = row === ended ? 0 : offsets[row + 1]!
    if (start === end) to++
    for (let element = start; element < end; element++, to++) {
      rows[to] = element
      definition[to] = slots.definition[slot]! + 1
      if (element > start) repetition[to] = repetitionMax
    }
  }
  return { rows, repetition, definition, repetitionMax, definitionMax: slots.definitionMax + 1 }
}

function leafOf(vector: ColumnVector, slots: Slots): NestedLeaf {
  const { rows, ...levels } = slots
  const present = rows.filter(row => row !== ended)
  const rowSlots = new Int32Array(rows.length + 1)
  const rowValues = new Int32Array(rows.length + 1)
  let count = 0
  let values = 0
  for (let slot = 0; slot < rows.length; slot++) {
    if (levels.repetition[slot] === 0) {
      rowSlots[count] = slot
      rowValues[count++] = values
    }
    if (rows[slot] !== ended) values++
  }
  rowSlots[count] = rows.length
  rowValues[count] = values
  return {
    values: gather(vector, present, present.length),
    ...levels,
    rowSlots: rowSlots.subarray(0, count + 1),
    rowValues: rowValues.subarray(0, count + 1),
  }
}
