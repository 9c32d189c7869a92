// Arguments of the operator that are whole objects: the chart gives them as JSON.
import type { z } from 'zod'
import { parse } from '#api/problem.ts'

/** Null: it was not given. @throws ConfigError SPEC_INVALID, naming the argument and the field */
export function jsonArgument<T>(schema: z.ZodType<T>, text: string | undefined, name: string): T | null {
  return text === undefined ? null : parse(schema, parsedJson(text), name)
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
