// Cuts the byte stream of a server connection into messages without copying them: a message that lies whole in
// a received buffer is handed out in place; only one that spans two buffers is put together.
//
//   Message ::= type:Byte1 length:Int32(of itself and the body) body
//
// https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS

const headerBytes = 5
const empty = Buffer.alloc(0)

export class MessageFramer {
  /** The buffer the current message lies in; its body is [start, end). Valid until the next call of next(). */
  bytes: Buffer = empty
  type = 0
  start = 0
  end = 0
  #received: Buffer = empty
  #at = 0
  #carry: Buffer = Buffer.allocUnsafe(64 * 1024)
  #carried = 0

  /** Takes the next buffer of the stream; only after next() has returned false. */
  push(received: Buffer): void {
    this.#received = received
    this.#at = 0
  }

  /** Moves to the next message; false when it is not received whole yet. */
  next(): boolean {
    if (this.#carried > 0) return this.#completeCarried()
    const left = this.#received.length - this.#at
    if (left >= headerBytes) {
      const total = 1 + this.#received.readInt32BE(this.#at + 1)
      if (left >= total) {
        this.#hand(this.#received, this.#at, this.#at + total)
        this.#at += total
        return true
      }
    }
    if (left > 0) this.#take(left)
    return false
  }

  #completeCarried(): boolean {
    const left = (): number => this.#received.length - this.#at
    if (this.#carried < headerBytes) this.#take(Math.min(headerBytes - this.#carried, left()))
    if (this.#carried < headerBytes) return false
    const total = 1 + this.#carry.readInt32BE(1)
    this.#take(Math.min(total - this.#carried, left()), total)
    if (this.#carried < total) return false
    this.#carried = 0
    this.#hand(this.#carry, 0, total)
    return true
  }

  #hand(bytes: Buffer, from: number, to: number): void {
    this.bytes = bytes
    this.type = bytes[from]!
    this.start = from + headerBytes
    this.end = to
  }

  /** Moves bytes of the received buffer to the carried message, which is to have `total` bytes. */
  #take(count: number, total = this.#carried + count): void {
    if (this.#carry.length < total) {
      const grown = Buffer.allocUnsafe(total)
      this.#carry.copy(grown, 0, 0, this.#carried)
      this.#carry = grown
    }
    this.#received.copy(this.#carry, this.#carried, this.#at, this.#at + count)
    this.#carried += count
    this.#at += count
  }
}
