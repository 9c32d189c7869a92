// What is wrong with a resource, said so that a person can repair it: where, what was found, what is allowed,
// and the field that was probably meant. Values of secrets are never quoted.
import type { z } from 'zod'
import { ConfigError } from '#common/errors.ts'
import { closest } from './closest.ts'
import { openApiSchema, type OpenApiSchema } from './openapi.ts'

export interface Problem {
  /** Keys and indexes from the root of the resource. */
  path: readonly (string | number)[]
  message: string
}

export type Checked<T> = { ok: true; value: T } | { ok: false; problems: Problem[] }

/** The parsed value with its defaults, or everything that is wrong with it. */
export function check<T>(schema: z.ZodType<T>, input: unknown): Checked<T> {
  const parsed = schema.safeParse(input, { reportInput: true })
  if (parsed.success) return { ok: true, value: parsed.data }
  const root = openApiSchema(schema)
  const problems = parsed.error.issues.flatMap(issue => problemsOf(issue, root))
  return { ok: false, problems: problems.filter(problem => !isMisspelt(problem, parsed.error.issues)) }
}

/** The parsed value with its defaults. @throws ConfigError SPEC_INVALID that names every problem */
export function parse<T>(schema: z.ZodType<T>, input: unknown, subject: string): T {
  const checked = check(schema, input)
  if (checked.ok) return checked.value
  throw invalidResource(subject, checked.problems)
}

/** One error for all that is wrong with a resource. */
export function invalidResource(subject: string, problems: readonly Problem[]): ConfigError {
  const listed = problems.slice(0, 5).map(({ path, message }) => `${pathText(path)}: ${message}`)
  if (problems.length > 5) listed.push(`and ${problems.length - 5} more`)
  return new ConfigError(`${subject} is not valid: ${listed.join('; ')}`, {
    code: 'SPEC_INVALID',
    context: { path: pathText(problems[0]?.path ?? []) },
  })
}

/** `spec.tables[0].include`. */
export function pathText(path: readonly (string | number)[]): string {
  let text = ''
  for (const key of path)
    if (typeof key === 'number') text += `[${key}]`
    else if (/^[\w-]+$/.test(key)) text += text === '' ? key : `.${key}`
    else text += `[${JSON.stringify(key)}]`
  return text
}

function problemsOf(issue: z.core.$ZodIssue, root: OpenApiSchema): Problem[] {
  const path = issue.path as (string | number)[]
  const schema = schemaAt(root, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(key => ({ path: [...path, key], message: unknownField(key, schema, root) }))
    case 'invalid_type':
    case 'invalid_value':
      return [{ path, message: wrongValue(issue.input, path, schema) }]
    case 'too_small':
    case 'too_big':
      return [{ path, message: `${found(issue.input, path)}; ${allowedRange(schema)}` }]
    case 'invalid_format':
    case 'invalid_union':
      return [{ path, message: `${found(issue.input, path)}; ${issue.message}` }]
    default:
      return [{ path, message: issue.message }]
  }
}

/** A missing field that is there under a misspelt name: that name is the problem, and is reported. */
function isMisspelt({ path, message }: Problem, issues: readonly z.core.$ZodIssue[]): boolean {
  if (!message.startsWith('missing')) return false
  const [parent, field] = [pathText(path.slice(0, -1)), String(path.at(-1))]
  return issues.some(
    issue =>
      issue.code === 'unrecognized_keys' &&
      pathText(issue.path as (string | number)[]) === parent &&
      issue.keys.some(key => closest(key, [field]) !== undefined),
  )
}

function unknownField(key: string, schema: OpenApiSchema | undefined, root: OpenApiSchema): string {
  const allowed = Object.keys(schema?.properties ?? {})
  const meant = closest(key, allowed)
  if (meant !== undefined) return `there is no such field; did you mean \`${meant}\`?`
  const elsewhere = placesOf(key, root)
  if (elsewhere.length === 1) return `there is no such field here; it belongs to \`${elsewhere[0]}\``
  return `there is no such field; allowed here: ${allowed.join(', ')}`
}

/** Paths of the objects that have a field of this name. */
function placesOf(key: string, schema: OpenApiSchema, at = ''): string[] {
  const places = schema.properties?.[key] !== undefined && at !== '' ? [at] : []
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    places.push(...placesOf(key, child, at === '' ? name : `${at}.${name}`))
  if (schema.items) places.push(...placesOf(key, schema.items, `${at}[]`))
  return places
}

function wrongValue(input: unknown, path: Problem['path'], schema: OpenApiSchema | undefined): string {
  if (input === undefined) return `missing; ${allowed(schema)}`
  const options = schema?.enum?.map(String)
  const meant = typeof input === 'string' && options !== undefined ? closest(input, options) : undefined
  // Whoever writes a plain value where an object belongs may have written a password: only its type is told.
  const quotable = schema?.type !== 'object' && schema?.type !== 'array'
  const what = quotable ? found(input, path) : `found ${typeText(input)}`
  return `${what}; ${allowed(schema)}${meant === undefined ? '' : `; did you mean ${meant}?`}`
}

function found(input: unknown, path: Problem['path']): string {
  if (path.at(-1) === 'value') return `found ${typeText(input)}`
  if (typeof input === 'string') return `found ${JSON.stringify(shorten(input))}`
  if (typeof input === 'number' || typeof input === 'boolean') return `found ${input}`
  return `found ${typeText(input)}`
}

function shorten(text: string): string {
  const open = text.replace(/:\/\/[^/@]*@/, '://…@')
  return open.length > 80 ? `${open.slice(0, 79)}…` : open
}

function typeText(input: unknown): string {
  if (input === null) return 'null'
  if (Array.isArray(input)) return 'a list'
  return typeof input === 'object' ? 'an object' : `a ${typeof input}`
}

const typeNames = {
  object: 'an object',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
}

function allowed(schema: OpenApiSchema | undefined): string {
  if (schema?.enum !== undefined) return `allowed: ${schema.enum.join(', ')}`
  if (schema?.type === undefined) return 'allowed: a value'
  const fields = Object.keys(schema.properties ?? {})
  return `allowed: ${typeNames[schema.type]}${fields.length === 0 ? '' : ` with ${fields.join(', ')}`}`
}

function allowedRange(schema: OpenApiSchema | undefined): string {
  if (schema?.type === 'string') return `allowed: ${range(schema.minLength, schema.maxLength)} characters`
  if (schema?.type === 'array') return `allowed: ${range(schema.minItems, schema.maxItems)} items`
  return `allowed: ${range(schema?.minimum, schema?.maximum)}`
}

function range(min: number | undefined, max: number | undefined): string {
  if (min === undefined) return `at most ${max}`
  return max === undefined ? `at least ${min}` : `${min} to ${max}`
}

function schemaAt(root: OpenApiSchema, path: readonly (string | number)[]): OpenApiSchema | undefined {
  let at: OpenApiSchema | undefined = root
  for (const key of path)
    at = typeof key === 'number' ? at?.items : (at?.properties?.[key] ?? at?.additionalProperties)
  return at
}
