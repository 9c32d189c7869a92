// Quantities as Kubernetes writes them: `64Mi`, `1.5Gi`, `500m`, `2`, `1e9`.
// Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
import { z } from 'zod'
import { ConfigError } from '#common/errors.ts'
import { withRule } from './rules.ts'

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

const pattern = /^(\d+(?:\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/

/** A quantity field: `64Mi`, `500m`, or a plain number. Not negative. */
export const quantity = z
  .union([z.int().min(0), z.string().max(32).regex(pattern, { abort: true })], {
    error: 'use a quantity such as 500m, 2, 64Mi or 1.5Gi',
  })
  .meta({ 'x-kubernetes-int-or-string': true })

/** A quantity field with a smallest value. */
export function quantityAtLeast(least: string): typeof quantity {
  return withRule(quantity, {
    rule: `quantity(string(self)).compareTo(quantity('${least}')) >= 0`,
    message: `must be at least ${least}`,
    test: value => parseQuantity(value) >= parseQuantity(least),
  })
}

export type Quantity = z.infer<typeof quantity>

/** The number a quantity stands for: bytes for sizes, cores for CPU. @throws ConfigError SPEC_INVALID */
export function parseQuantity(value: Quantity): number {
  const match = pattern.exec(String(value))
  if (match === null)
    throw new ConfigError(`"${value}" is not a quantity: use 500m, 2, 64Mi or 1.5Gi`, {
      code: 'SPEC_INVALID',
    })
  const suffix = match[2] ?? ''
  return Number(match[1]) * (suffixes[suffix] ?? Number(`1${suffix}`))
}
