// A tuple of the log, taken apart but not decoded: where each column's value lies.
//
//   TupleData ::= columns:Int16 column*
//   column    ::= 'n'                               null
//               | 'u'                               unchanged, not sent (TOAST)
//               | 't' size:Int32 Byte[size]         text form
//               | 'b' size:Int32 Byte[size]         binary form
//
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html#PROTOCOL-LOGICALREP-MESSAGE-FORMATS-TUPLEDATA

export const TupleKind = { null: 0x6e, unchanged: 0x75, text: 0x74, binary: 0x62 } as const

/** Re-used from row to row; good until the next read(). */
export class Tuple {
  bytes: Buffer = Buffer.alloc(0)
  columns = 0
  kinds = new Uint8Array(64)
  starts = new Int32Array(64)
  ends = new Int32Array(64)

  /** Takes apart the tuple at `at`; returns where it ends. */
  read(bytes: Buffer, at: number): number {
    this.bytes = bytes
    const columns = (bytes[at]! << 8) | bytes[at + 1]!
    if (columns > this.kinds.length) this.#makeRoom(columns)
    this.columns = columns
    let next = at + 2
    for (let column = 0; column < columns; column++) {
      const kind = bytes[next++]!
      this.kinds[column] = kind
      if (kind !== TupleKind.text && kind !== TupleKind.binary) continue
      const size =
        (bytes[next]! << 24) | (bytes[next + 1]! << 16) | (bytes[next + 2]! << 8) | bytes[next + 3]!
      next += 4
      this.starts[column] = next
      next += size
      this.ends[column] = next
    }
    return next
  }

  hasUnchanged(): boolean {
    for (let column = 0; column < this.columns; column++)
      if (this.kinds[column] === TupleKind.unchanged) return true
    return false
  }

  /** True when a column holds the same bytes in both tuples; what is unchanged counts as the same. */
  sameValue(other: Tuple, column: number): boolean {
    const [kind, otherKind] = [this.kinds[column], other.kinds[column]]
    if (kind === TupleKind.unchanged || otherKind === TupleKind.unchanged) return true
    if (kind !== otherKind) return false
    if (kind === TupleKind.null) return true
    const length = this.ends[column]! - this.starts[column]!
    if (length !== other.ends[column]! - other.starts[column]!) return false
    return (
      this.bytes.compare(
        other.bytes,
        other.starts[column],
        other.ends[column],
        this.starts[column],
        this.ends[column],
      ) === 0
    )
  }

  #makeRoom(columns: number): void {
    this.kinds = new Uint8Array(columns)
    this.starts = new Int32Array(columns)
    this.ends = new Int32Array(columns)
  }
}
