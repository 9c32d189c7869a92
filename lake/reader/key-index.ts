// Numbers record keys in order of first appearance: an open-addressed table over key bytes. The bytes are copied, so
// that the columns they came in need not stay in memory, and no string is made.
import type { BinaryVector } from '#catalog/column.ts'
import { stringHash } from '#lake/key/record-key.ts'
import { spread } from '#lake/table/final-rows.ts'

const initialKeys = 32

export class KeyIndex {
  /** Twice as many as keys fit: number of a key, or −1. */
  #slots = new Int32Array(initialKeys * 2).fill(-1)
  #hashes = new Int32Array(initialKeys)
  /** Key n is data[ends[n], ends[n + 1]). */
  #ends = new Float64Array(initialKeys + 1)
  #data = Buffer.allocUnsafeSlow(initialKeys * 16)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Memory that is held. */
  get bytes(): number {
    const { byteLength } = this.#slots
    return byteLength + this.#hashes.byteLength + this.#ends.byteLength + this.#data.length
  }

  /** The number of the key in that row, a new one when it was not seen before. */
  add(keys: BinaryVector, row: number, hash: number = keyHash(keys, row)): number {
    const slot = this.#slotOf(keys, row, hash)
    const found = this.#slots[slot]!
    if (found !== -1) return found
    this.#append(keys.data, { start: keys.offsets[row]!, end: keys.offsets[row + 1]! }, hash)
    return this.#size - 1
  }

  /** The number of the key in that row, or −1. */
  find(keys: BinaryVector, row: number, hash: number = keyHash(keys, row)): number {
    if (this.#size === 0) return -1
    return this.#slots[this.#slotOf(keys, row, hash)]!
  }

  /** An index of some of the keys, numbered anew in the order given. */
  only(numbers: Int32Array): KeyIndex {
    const index = new KeyIndex()
    for (const number of numbers) {
      const key = { start: this.#ends[number]!, end: this.#ends[number + 1]! }
      index.#append(this.#data, key, this.#hashes[number]!)
    }
    return index
  }

  hashOf(number: number): number {
    return this.#hashes[number]!
  }

  #append(data: Uint8Array, { start, end }: { start: number; end: number }, hash: number): void {
    if (this.#size === this.#hashes.length) this.#grow()
    const number = this.#size++
    const from = this.#ends[number]!
    const to = from + end - start
    if (to > this.#data.length) this.#growData(to)
    copyBytes(data, { start, end }, this.#data, from)
    this.#ends[number + 1] = to
    this.#hashes[number] = hash
    this.#slots[this.#emptySlot(hash)] = number
  }

  #slotOf(keys: BinaryVector, row: number, hash: number): number {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (let entry = this.#slots[slot]!; entry !== -1; entry = this.#slots[slot]!) {
      if (this.#hashes[entry] === hash && this.#isKey(entry, keys, row)) break
      slot = (slot + 1) & mask
    }
    return slot
  }

  #isKey(entry: number, { data, offsets }: BinaryVector, row: number): boolean {
    const start = this.#ends[entry]!
    const other = offsets[row]!
    const size = this.#ends[entry + 1]! - start
    if (offsets[row + 1]! - other !== size) return false
    for (let at = 0; at < size; at++) if (this.#data[start + at] !== data[other + at]) return false
    return true
  }

  #emptySlot(hash: number): number {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    while (this.#slots[slot] !== -1) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const capacity = this.#hashes.length * 2
    const hashes = new Int32Array(capacity)
    hashes.set(this.#hashes)
    const ends = new Float64Array(capacity + 1)
    ends.set(this.#ends)
    this.#hashes = hashes
    this.#ends = ends
    this.#slots = new Int32Array(capacity * 2).fill(-1)
    for (let entry = 0; entry < this.#size; entry++)
      this.#slots[this.#emptySlot(this.#hashes[entry]!)] = entry
  }

  #growData(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#data.length * 2))
    grown.set(this.#data)
    this.#data = grown
  }
}

/** What keys are found by. All bits are mixed well. */
export function keyHash({ data, offsets }: BinaryVector, row: number): number {
  return spread(stringHash(data, offsets[row]!, offsets[row + 1]!))
}

/** Keys are short: a loop is faster than a view of the bytes. */
function copyBytes(
  from: Uint8Array,
  { start, end }: { start: number; end: number },
  to: Uint8Array,
  at: number,
): void {
  for (let byte = start; byte < end; byte++) to[at + byte - start] = from[byte]!
}
