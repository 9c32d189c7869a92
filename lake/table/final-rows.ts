// The last change of each key in a batch. A commit holds one operation per key at most, so earlier changes of
// a key are dropped before they cost anything. The set of keys is an open-addressed table of row numbers over
// the key bytes: no string and no object is made per row.
import type { RecordKeys } from '#lake/key/record-key.ts'

export interface KeyChanges {
  /** Bit i is 1 when a later row of the batch has the same key. Null when every key occurs once. */
  superseded: Uint8Array | null
  /** Row i's nearest earlier row with the same key, or −1. Null when every key occurs once. */
  previous: Int32Array | null
}

export function keyChanges(keys: RecordKeys, rows: number): KeyChanges {
  let capacity = 64
  while (capacity < rows * 2) capacity *= 2
  const slots = new Int32Array(capacity).fill(-1)
  const mask = capacity - 1
  const { hashes } = keys
  let superseded: Uint8Array | null = null
  let previous: Int32Array | null = null
  for (let row = 0; row < rows; row++) {
    const hash = hashes[row]!
    let slot = spread(hash) & mask
    let holder = slots[slot]!
    while (holder !== -1 && !(hashes[holder] === hash && sameKey(keys, holder, row))) {
      slot = (slot + 1) & mask
      holder = slots[slot]!
    }
    slots[slot] = row
    if (holder === -1) continue
    superseded ??= new Uint8Array((rows + 7) >> 3)
    previous ??= new Int32Array(rows).fill(-1)
    superseded[holder >> 3]! |= 1 << (holder & 7)
    previous[row] = holder
  }
  return { superseded, previous }
}

/** Java's string hash has poor low bits: spreads them (Murmur3's finalizer). */
export function spread(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function sameKey({ keys }: RecordKeys, a: number, b: number): boolean {
  const { offsets, data } = keys
  const start = offsets[a]!
  const size = offsets[a + 1]! - start
  const other = offsets[b]!
  if (offsets[b + 1]! - other !== size) return false
  for (let at = 0; at < size; at++) if (data[start + at] !== data[other + at]) return false
  return true
}
