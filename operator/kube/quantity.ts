// Resource quantities: `500m`, `1.5Gi`, `2e3`. The server rewrites them to a canonical form, so comparing what we
// stated with what it holds needs their value.
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** The value, or null for what is not a quantity. */
export function parseQuantity(text: string): number | null {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([numkMGTPE]|[KMGTPE]i)?$/.exec(text)
  const scale = suffixes[match?.[2] ?? '']
  return match === null || scale === undefined ? null : Number(match[1]) * scale
}

/** Whether two values are one quantity written in two ways. */
export function quantityEquals(a: unknown, b: unknown): boolean {
  if (typeof a !== 'string' || typeof b !== 'string') return false
  const value = parseQuantity(a)
  return value !== null && value === parseQuantity(b)
}
