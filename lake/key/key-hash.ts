// A 128-bit hash of a record key (MurmurHash3_x86_128). Stands for the key where millions of them must be
// remembered: that two of a billion keys share one is less likely than a bit that flips in memory.
const c1 = 0x239b961b
const c2 = 0xab0e9789
const c3 = 0x38b34ae5
const c4 = 0xa1e38b93

/** Writes the hash of data[start, end) to out[at … at + 3]. */
export function hashKey(
  data: Uint8Array,
  range: { start: number; end: number },
  out: Int32Array,
  at: number,
): void {
  const { start, end } = range
  const size = end - start
  let [h1, h2, h3, h4] = [0, 0, 0, 0]
  let from = start
  for (; from + 16 <= end; from += 16) {
    h1 = (Math.imul(rotl(h1 ^ mix(word(data, from, 4), c1, 15, c2), 19) + h2, 5) + 0x561ccd1b) | 0
    h2 = (Math.imul(rotl(h2 ^ mix(word(data, from + 4, 4), c2, 16, c3), 17) + h3, 5) + 0x0bcaa747) | 0
    h3 = (Math.imul(rotl(h3 ^ mix(word(data, from + 8, 4), c3, 17, c4), 15) + h4, 5) + 0x96cd1c35) | 0
    h4 = (Math.imul(rotl(h4 ^ mix(word(data, from + 12, 4), c4, 18, c1), 13) + h1, 5) + 0x32ac3b17) | 0
  }
  h4 ^= mix(word(data, from + 12, end - from - 12), c4, 18, c1)
  h3 ^= mix(word(data, from + 8, end - from - 8), c3, 17, c4)
  h2 ^= mix(word(data, from + 4, end - from - 4), c2, 16, c3)
  h1 ^= mix(word(data, from, end - from), c1, 15, c2)
  h1 ^= size
  h2 ^= size
  h3 ^= size
  h4 ^= size
  h1 = (h1 + h2 + h3 + h4) | 0
  h2 = (h2 + h1) | 0
  h3 = (h3 + h1) | 0
  h4 = (h4 + h1) | 0
  h1 = finished(h1)
  h2 = finished(h2)
  h3 = finished(h3)
  h4 = finished(h4)
  h1 = (h1 + h2 + h3 + h4) | 0
  out[at] = h1
  out[at + 1] = (h2 + h1) | 0
  out[at + 2] = (h3 + h1) | 0
  out[at + 3] = (h4 + h1) | 0
}

/** Up to four bytes, little-endian; 0 when there are none. */
function word(data: Uint8Array, at: number, bytes: number): number {
  if (bytes >= 4) return data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)
  let value = 0
  for (let byte = bytes - 1; byte >= 0; byte--) value = (value << 8) | data[at + byte]!
  return value
}

function mix(value: number, a: number, turn: number, b: number): number {
  const k = Math.imul(value, a)
  return Math.imul((k << turn) | (k >>> (32 - turn)), b)
}

function rotl(value: number, turn: number): number {
  return (value << turn) | (value >>> (32 - turn))
}

function finished(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
