// Leaves and their levels back to lists, maps and structs: Dremel's assembly, a pass over the slots for each value of
// the schema's tree. Every leaf below a value tells where that value is, so the first one is asked.
import { spread, typed } from './assemble.ts'
import type { RawChunk } from './read-chunk.ts'
import type { ReadLeaf, ReadNode } from './read-schema.ts'
import type { ColumnVector } from '#catalog/column.ts'

/** Values of a node: they begin at slots of at most this repetition level, and at least this definition level. */
interface Place {
  repetition: number
  definition: number
}

type ChunkOf = (leaf: ReadLeaf) => RawChunk

/** The rows of a column. @throws RangeError when its leaves do not go together */
export function assembleNested(node: ReadNode, chunkOf: ChunkOf): ColumnVector {
  return vectorAt(node, { repetition: 0, definition: 0 }, chunkOf)
}

function vectorAt(node: ReadNode, place: Place, chunkOf: ChunkOf): ColumnVector {
  switch (node.kind) {
    case 'leaf':
      return leafVector(node, place, chunkOf(node.leaf))
    case 'list':
      return listVector(node, place, chunkOf)
    case 'struct':
      return structVector(node, place, chunkOf)
  }
}

function leafVector(
  { leaf, type }: ReadNode & { kind: 'leaf' },
  place: Place,
  chunk: RawChunk,
): ColumnVector {
  const levels = definitionsAt(leaf, place, chunk)
  const vector = spread(typed(leaf, type, chunk.values), levels, leaf.definitionMax)
  let present = 0
  for (const level of levels) if (level === leaf.definitionMax) present++
  if (present !== chunk.values.length) throw new RangeError('levels do not go with their values')
  return vector.nullCount === 0 ? { ...vector, validity: null } : vector
}

function structVector(node: ReadNode & { kind: 'struct' }, place: Place, chunkOf: ChunkOf): ColumnVector {
  const children = node.children.map(child => vectorAt(child, place, chunkOf))
  const leaf = firstLeaf(node)
  const head = headOf(node, definitionsAt(leaf, place, chunkOf(leaf)))
  if (children.some(({ length }) => length !== head.length))
    throw new RangeError('the parts of a struct differ in length')
  return { ...head, layout: 'struct', children }
}

function listVector(node: ReadNode & { kind: 'list' }, place: Place, chunkOf: ChunkOf): ColumnVector {
  const inner = { repetition: node.repetition, definition: node.element }
  const child = vectorAt(node.child, inner, chunkOf)
  const leaf = firstLeaf(node)
  const chunk = chunkOf(leaf)
  const head = headOf(node, definitionsAt(leaf, place, chunk))
  const offsets = new Int32Array(head.length + 1)
  let row = 0
  let elements = 0
  for (let slot = 0; slot < chunk.slots; slot++) {
    const definition = chunk.definition === null ? leaf.definitionMax : chunk.definition[slot]!
    const repetition = chunk.repetition === null ? 0 : chunk.repetition[slot]!
    if (repetition <= place.repetition && definition >= place.definition) offsets[row++] = elements
    if (repetition <= inner.repetition && definition >= inner.definition) elements++
  }
  offsets[row] = elements
  if (offsets[0] !== 0 || child.length !== elements) throw new RangeError('an element of no list')
  return { ...head, layout: 'list', offsets, child }
}

/** The definition levels of the slots that begin a value at the place. */
function definitionsAt(
  leaf: ReadLeaf,
  place: Place,
  { slots, definition, repetition }: RawChunk,
): Uint8Array {
  const levels = new Uint8Array(slots)
  let count = 0
  for (let slot = 0; slot < slots; slot++) {
    const level = definition === null ? leaf.definitionMax : definition[slot]!
    if ((repetition === null || repetition[slot]! <= place.repetition) && level >= place.definition)
      levels[count++] = level
  }
  return levels.subarray(0, count)
}

function headOf(
  { type, present }: ReadNode,
  definitions: Uint8Array,
): Pick<ColumnVector, 'type' | 'length' | 'nullCount' | 'validity' | 'unchanged'> {
  const { length } = definitions
  const validity = new Uint8Array((length + 7) >> 3)
  let nullCount = length
  for (let row = 0; row < length; row++) {
    if (definitions[row]! < present) continue
    validity[row >> 3]! |= 1 << (row & 7)
    nullCount--
  }
  return { type, length, nullCount, validity: nullCount === 0 ? null : validity, unchanged: null }
}

function firstLeaf(node: ReadNode): ReadLeaf {
  if (node.kind === 'leaf') return node.leaf
  return firstLeaf(node.kind === 'list' ? node.child : node.children[0]!)
}
