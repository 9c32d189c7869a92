// Which rows a round of updates touches: drawn uniformly, or by Zipf's law with exponent 1, where few rows take most of
// the updates. Seeded, so that every engine gets the same.

export type Distribution = 'uniform' | 'zipf'

/** Uniform numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Spreads ranks over the table; a prime, so that no two ranks meet. */
const stride = 7_368_787

/** The row of each of the round's updates, all below `rows`; a row may be drawn more than once. */
export function drawRows(rows: number, draws: number, distribution: Distribution, seed: number): Int32Array {
  const random = seeded(seed)
  // rows^u has a density of 1/x: the continuous form of Zipf's law.
  const rank = distribution === 'uniform' ? () => random() * rows : () => rows ** random() - 1
  return Int32Array.from({ length: draws }, () => (Math.floor(rank()) * stride) % rows)
}
