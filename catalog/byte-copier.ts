// Copies many short values from one buffer to another. `set` with a `subarray` makes an object for each value and costs
// more than 40 ns; eight bytes at a time cost 5 ns, and leave no garbage.

/** From here on one call is cheaper than the loop. */
const shortBytes = 256

export class ByteCopier {
  readonly #source: Uint8Array
  readonly #target: Uint8Array
  readonly #from: DataView
  readonly #to: DataView

  constructor(source: Uint8Array, target: Uint8Array) {
    this.#source = source
    this.#target = target
    this.#from = new DataView(source.buffer, source.byteOffset, source.byteLength)
    this.#to = new DataView(target.buffer, target.byteOffset, target.byteLength)
  }

  isBetween(source: Uint8Array, target: Uint8Array): boolean {
    return source === this.#source && target === this.#target
  }

  /** target[to…] = source[start, end) */
  copy(start: number, end: number, to: number): void {
    if (end - start >= shortBytes) return this.#target.set(this.#source.subarray(start, end), to)
    let at = start
    for (; at + 8 <= end; at += 8, to += 8) this.#to.setBigInt64(to, this.#from.getBigInt64(at))
    for (; at < end; at++, to++) this.#target[to] = this.#source[at]!
  }
}
