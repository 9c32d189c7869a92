// Where keys are: for each key the partition of its newest change, that change's sequence, and whether it was a
// delete. An open-addressed table of fixed-size slots over 128-bit hashes of the keys; no object is made per key.
//
//   slot: hash (4 words) | partition + 1, negated when the key is deleted, 0 when the slot is free | sequence (2 words)
import type { BinaryVector } from '#catalog/column.ts'
import { hashKey } from '#lake/key/key-hash.ts'

const slotWords = 7
const partitionWord = 4
const sequenceWord = 5
const firstCapacity = 1024

export interface KeyLocation {
  partition: number
  sequence: bigint
  isDeleted: boolean
}

export class LocationTable {
  #words = new Int32Array(firstCapacity * slotWords)
  #capacity = firstCapacity
  #size = 0
  readonly #hash = new Int32Array(4)
  readonly #mayGrow: (bytes: number) => boolean
  #isFull = false

  /** @param mayGrow asked before so many more bytes are taken */
  constructor(mayGrow: (bytes: number) => boolean = () => true) {
    this.#mayGrow = mayGrow
  }

  /** Whether there was no room for a key: the table does not have all that was put. */
  get isFull(): boolean {
    return this.#isFull
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#words.byteLength
  }

  get(keys: BinaryVector, row: number): KeyLocation | null {
    const at = this.#find(keys, row)
    const partition = this.#words[at + partitionWord]!
    if (partition === 0) return null
    return {
      partition: Math.abs(partition) - 1,
      sequence: this.#sequence(at),
      isDeleted: partition < 0,
    }
  }

  /**
   * Takes in a change of a key. The greater sequence wins; of equal ones a row wins against anything, a delete
   * only against a row of its own partition (elsewhere it is what a row leaves behind that moved away).
   */
  put(keys: BinaryVector, row: number, change: KeyLocation): void {
    let at = this.#find(keys, row)
    const known = this.#words[at + partitionWord]!
    if (known === 0) {
      if (this.#size * 4 >= this.#capacity * 3) {
        this.#isFull ||= !this.#mayGrow(this.bytes * 2)
        if (this.#isFull) return
        this.#grow()
        at = this.#find(keys, row)
      }
      this.#words.set(this.#hash, at)
      this.#size++
    } else {
      const sequence = this.#sequence(at)
      if (sequence > change.sequence) return
      const elsewhere = Math.abs(known) - 1 !== change.partition
      if (sequence === change.sequence && change.isDeleted && elsewhere) return
    }
    this.#words[at + partitionWord] = change.isDeleted ? -change.partition - 1 : change.partition + 1
    this.#words[at + sequenceWord] = Number(BigInt.asIntN(32, change.sequence))
    this.#words[at + sequenceWord + 1] = Number(BigInt.asIntN(32, change.sequence >> 32n))
  }

  #sequence(at: number): bigint {
    const low = BigInt(this.#words[at + sequenceWord]! >>> 0)
    return (BigInt(this.#words[at + sequenceWord + 1]!) << 32n) | low
  }

  /** The slot of the key, or the free one it would get; leaves the key's hash in #hash. */
  #find(keys: BinaryVector, row: number): number {
    const range = { start: keys.offsets[row]!, end: keys.offsets[row + 1]! }
    hashKey(keys.data, range, this.#hash, 0)
    return this.#slotOf(this.#words, this.#capacity, this.#hash, 0)
  }

  #slotOf(words: Int32Array, capacity: number, hash: Int32Array, from: number): number {
    let slot = hash[from]! & (capacity - 1)
    for (;;) {
      const at = slot * slotWords
      if (
        words[at + partitionWord] === 0 ||
        (words[at] === hash[from] &&
          words[at + 1] === hash[from + 1] &&
          words[at + 2] === hash[from + 2] &&
          words[at + 3] === hash[from + 3])
      )
        return at
      slot = (slot + 1) & (capacity - 1)
    }
  }

  #grow(): void {
    const capacity = this.#capacity * 2
    const words = new Int32Array(capacity * slotWords)
    for (let at = 0; at < this.#words.length; at += slotWords)
      if (this.#words[at + partitionWord] !== 0)
        words.set(this.#words.subarray(at, at + slotWords), this.#slotOf(words, capacity, this.#words, at))
    this.#words = words
    this.#capacity = capacity
  }
}
