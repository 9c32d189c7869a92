// Globs over table names. `*` stands for any characters, dots included, `?` for exactly one; everything else is
// itself. Two cursors and one point to fall back to, so the time is bounded by pattern times text.

export function isGlob(pattern: string): boolean {
  return /[*?]/.test(pattern)
}

export function matchesGlob(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  let star = -1
  let resumeAt = 0
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      resumeAt = t
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++resumeAt
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
