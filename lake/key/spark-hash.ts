// Spark's hash() of one value: Murmur3, 32 bits, seed 42, so that a partition made of a hash can be computed in a
// query as pmod(hash(column), n). Class org.apache.spark.unsafe.hash.Murmur3_x86_32; text is mixed in four bytes at
// a time, the last few bytes each as a word of its own, signed.
const seed = 42

/** Of an int or a date. */
export function hashInt(value: number): number {
  return finished(mixed(seed, value), 4)
}

/** Of a long. */
export function hashLong(value: bigint): number {
  const low = Number(BigInt.asIntN(32, value))
  const high = Number(BigInt.asIntN(32, value >> 32n))
  return finished(mixed(mixed(seed, low), high), 8)
}

/** Of a string, by its UTF-8 bytes. */
export function hashBytes(data: Uint8Array, start: number, end: number): number {
  const size = end - start
  const aligned = start + (size & ~3)
  let h = seed
  for (let at = start; at < aligned; at += 4)
    h = mixed(h, data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24))
  for (let at = aligned; at < end; at++) h = mixed(h, (data[at]! << 24) >> 24)
  return finished(h, size)
}

/** Of null, Spark's hash is the seed. */
export const hashOfNull = seed

function mixed(h: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51)
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  const x = h ^ k
  return (Math.imul((x << 13) | (x >>> 19), 5) + 0xe6546b64) | 0
}

function finished(hash: number, size: number): number {
  let h = hash ^ size
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** pmod(hash, n): never negative. */
export function positiveMod(hash: number, n: number): number {
  const rest = hash % n
  return rest < 0 ? rest + n : rest
}
