// The order of listings: ascending by the UTF-8 bytes of the path, as object stores give it.

const surrogate = /[\ud800-\udfff]/

/** Negative, zero or positive as a comes before, is, or comes after b. */
export function comparePaths(a: string, b: string): number {
  // UTF-16 order is byte order unless surrogate pairs are about.
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : a > b ? 1 : 0
}

/** Joins a folder (may be empty) and a path below it. */
export function joinPath(folder: string, path: string): string {
  const trimmed = folder.replace(/\/+$/, '')
  return trimmed === '' ? path : path === '' ? trimmed : `${trimmed}/${path}`
}
