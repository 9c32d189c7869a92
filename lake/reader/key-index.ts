// Numbers record keys in order of first appearance: an open-addressed table over key bytes that lie in the
// column buffers they came in. It keeps those buffers alive, and makes no string.
import type { BinaryVector } from '#catalog/column.ts'
import { stringHash } from '#lake/table/record-key.ts'
import { spread } from '#lake/table/final-rows.ts'

export class KeyIndex {
  #slots = new Int32Array(64).fill(-1)
  readonly #keys: BinaryVector[] = []
  #rows = new Int32Array(32)
  #hashes = new Int32Array(32)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The number of the key in that row, a new one when it was not seen before. */
  add(keys: BinaryVector, row: number): number {
    const hash = hashAt(keys, row)
    const slot = this.#slotOf(keys, row, hash)
    const found = this.#slots[slot]!
    if (found !== -1) return found
    if (this.#size === this.#rows.length) this.#grow()
    const entry = this.#size++
    this.#keys[entry] = keys
    this.#rows[entry] = row
    this.#hashes[entry] = hash
    this.#slots[this.#emptySlot(hash)] = entry
    return entry
  }

  /** The number of the key in that row, or −1. */
  find(keys: BinaryVector, row: number): number {
    if (this.#size === 0) return -1
    return this.#slots[this.#slotOf(keys, row, hashAt(keys, row))]!
  }

  #slotOf(keys: BinaryVector, row: number, hash: number): number {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (let entry = this.#slots[slot]!; entry !== -1; entry = this.#slots[slot]!) {
      if (this.#hashes[entry] === hash && sameBytes(this.#keys[entry]!, this.#rows[entry]!, keys, row)) break
      slot = (slot + 1) & mask
    }
    return slot
  }

  #emptySlot(hash: number): number {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    while (this.#slots[slot] !== -1) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const capacity = this.#rows.length * 2
    this.#rows = grown(this.#rows, capacity)
    this.#hashes = grown(this.#hashes, capacity)
    this.#slots = new Int32Array(capacity * 2).fill(-1)
    for (let entry = 0; entry < this.#size; entry++)
      this.#slots[this.#emptySlot(this.#hashes[entry]!)] = entry
  }
}

function grown(values: Int32Array<ArrayBuffer>, capacity: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(capacity)
  larger.set(values)
  return larger
}

function hashAt(keys: BinaryVector, row: number): number {
  return spread(stringHash(keys.data, keys.offsets[row]!, keys.offsets[row + 1]!))
}

function sameBytes(a: BinaryVector, rowA: number, b: BinaryVector, rowB: number): boolean {
  const startA = a.offsets[rowA]!
  const startB = b.offsets[rowB]!
  const size = a.offsets[rowA + 1]! - startA
  if (b.offsets[rowB + 1]! - startB !== size) return false
  for (let at = 0; at < size; at++) if (a.data[startA + at] !== b.data[startB + at]) return false
  return true
}
