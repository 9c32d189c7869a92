// Keys that were seen within a window of time, as 128-bit hashes. Time is cut into slices, each with a set of its
// own, so that what is past the window is forgotten by dropping sets.
//
//   slot of a set: hash (4 words) | 1 + time within the slice (ms), 0 when the slot is free
const slotWords = 5
const timeWord = 4
const slicesOfWindow = 8
const firstCapacity = 256

/** Hashes lie in words[at … at + 3]. */
export class HashTimes {
  #words = new Int32Array(firstCapacity * slotWords)
  #capacity = firstCapacity
  #size = 0

  get bytes(): number {
    return this.#words.byteLength
  }

  /** The time put last, or −1. */
  get(words: Int32Array, at: number): number {
    return this.#words[this.#slotOf(words, at) + timeWord]! - 1
  }

  put(words: Int32Array, at: number, time: number): void {
    let slot = this.#slotOf(words, at)
    if (this.#words[slot + timeWord] === 0) {
      if (this.#size * 4 >= this.#capacity * 3) {
        this.#grow()
        slot = this.#slotOf(words, at)
      }
      this.#words.set(words.subarray(at, at + timeWord), slot)
      this.#size++
    }
    this.#words[slot + timeWord] = Math.max(this.#words[slot + timeWord]!, time + 1)
  }

  /** Calls for each hash and its time. */
  each(visit: (words: Int32Array, at: number, time: number) => void): void {
    for (let at = 0; at < this.#words.length; at += slotWords) {
      const time = this.#words[at + timeWord]!
      if (time !== 0) visit(this.#words, at, time - 1)
    }
  }

  #slotOf(words: Int32Array, at: number): number {
    const mask = this.#capacity - 1
    for (let slot = words[at]! & mask; ; slot = (slot + 1) & mask) {
      const here = slot * slotWords
      if (
        this.#words[here + timeWord] === 0 ||
        (this.#words[here] === words[at] &&
          this.#words[here + 1] === words[at + 1] &&
          this.#words[here + 2] === words[at + 2] &&
          this.#words[here + 3] === words[at + 3])
      )
        return here
    }
  }

  #grow(): void {
    const old = this.#words
    this.#capacity *= 2
    this.#words = new Int32Array(this.#capacity * slotWords)
    for (let at = 0; at < old.length; at += slotWords)
      if (old[at + timeWord] !== 0) this.#words.set(old.subarray(at, at + slotWords), this.#slotOf(old, at))
  }
}

export class RecentKeys {
  readonly #windowMs: number
  readonly #sliceMs: number
  readonly #slices = new Map<number, HashTimes>()

  constructor(windowMs: number) {
    this.#windowMs = windowMs
    this.#sliceMs = Math.ceil(windowMs / slicesOfWindow)
  }

  get bytes(): number {
    let bytes = 0
    for (const slice of this.#slices.values()) bytes += slice.bytes
    return bytes
  }

  add(words: Int32Array, at: number, atMs: number): void {
    const number = Math.floor(atMs / this.#sliceMs)
    let slice = this.#slices.get(number)
    if (slice === undefined) this.#slices.set(number, (slice = new HashTimes()))
    slice.put(words, at, atMs - number * this.#sliceMs)
  }

  /** Whether the key was seen less than a window away from this time. */
  has(words: Int32Array, at: number, nowMs: number): boolean {
    for (const [number, slice] of this.#slices) {
      const time = slice.get(words, at)
      if (time !== -1 && Math.abs(nowMs - (number * this.#sliceMs + time)) < this.#windowMs) return true
    }
    return false
  }

  /** Drops what no later row can be within a window of. */
  forget(nowMs: number): void {
    for (const number of this.#slices.keys())
      if ((number + 1) * this.#sliceMs <= nowMs - this.#windowMs) this.#slices.delete(number)
  }
}
