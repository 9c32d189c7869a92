// Rules that a type alone cannot say. Each is given once, as a CEL expression for the API server and as a
// predicate for everybody else, with one message for both. Transition rules (what may not change) exist for the
// API server only: it alone sees the old object.
// CEL in CRDs: https://kubernetes.io/docs/reference/using-api/cel/
import { z } from 'zod'

const key = 'x-kubernetes-validations'

export interface CelRule {
  rule: string
  message: string
  /** CEL that computes the message, where it should name values. */
  messageExpression?: string
}

/** The schema with a rule that the API server and the parser both hold. */
export function withRule<T extends z.ZodType>(
  schema: T,
  given: CelRule & { test: (value: z.output<T>) => boolean },
): T {
  const { test, ...rule } = given
  return withCel(schema.refine(test, { message: rule.message }), rule)
}

/** The schema with a value that cannot change after it is set. */
export function immutable<T extends z.ZodType>(schema: T, name: string): T {
  return withCel(schema, { rule: 'self == oldSelf', message: `${name} cannot change; make a new resource` })
}

/** The schema with a rule that only the API server holds. */
export function withCel<T extends z.ZodType>(schema: T, rule: CelRule): T {
  const earlier = (schema.meta()?.[key] ?? []) as CelRule[]
  return schema.meta({ [key]: [...earlier, rule] })
}

/** A list that Kubernetes merges and compares by these fields of its items; equal ones are refused. */
export function listMap<T extends z.ZodType<readonly object[]>>(schema: T, keys: readonly string[]): T {
  const identity = (item: object) => JSON.stringify(keys.map(name => (item as Record<string, unknown>)[name]))
  return schema
    .refine(items => new Set(items.map(identity)).size === items.length, {
      message: `two items have the same ${keys.join(' and ')}`,
    })
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys })
}
