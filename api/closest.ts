// The word that was probably meant.

/** The option nearest to a misspelt word, when one is near enough to be worth naming. */
export function closest(word: string, options: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const option of options) {
    const distance = editDistance(plain(word), plain(option))
    if (distance < bestDistance) {
      best = option
      bestDistance = distance
    }
  }
  return best
}

/** `max_lag`, `max-lag` and `maxLag` are one word. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, '')
}

/** Insertions, deletions, substitutions and swaps of neighbours between two words (restricted Damerau–Levenshtein). */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let distance = Math.min(last[j]! + 1, row[j - 1]! + 1, substitution)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        distance = Math.min(distance, before[j - 2]! + 1)
      row.push(distance)
    }
    before = last
    last = row
  }
  return last[b.length]!
}
