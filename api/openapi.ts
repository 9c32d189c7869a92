// A zod schema as the OpenAPI 3.0 subset that Kubernetes calls structural: types everywhere, no oneOf, no const,
// no `additionalProperties: false` (the API server knows unknown fields by their absence from `properties`).
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import { z } from 'zod'

export interface OpenApiSchema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  description?: string
  default?: unknown
  enum?: unknown[]
  format?: string
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  properties?: Record<string, OpenApiSchema>
  required?: string[]
  additionalProperties?: OpenApiSchema
  items?: OpenApiSchema
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-validations'?: { rule: string; message: string; messageExpression?: string }[]
  [keyword: string]: unknown
}

export function openApiSchema(schema: z.ZodType): OpenApiSchema {
  const made = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    override: ({ jsonSchema }) => simplify(jsonSchema as OpenApiSchema),
  })
  return arranged(made as OpenApiSchema)
}

const keywordOrder = ['description', 'type', 'format', 'enum', 'default', 'required', 'properties']

/** Keywords in the order people read them in, and defaults of objects spelled out. */
function arranged(schema: OpenApiSchema): OpenApiSchema {
  const ordered: OpenApiSchema = {}
  for (const keyword of [...keywordOrder, ...Object.keys(schema)])
    if (keyword in schema) ordered[keyword] = schema[keyword]
  if (schema.properties)
    ordered.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, field]) => [name, arranged(field)]),
    )
  if (schema.items) ordered.items = arranged(schema.items)
  if (schema.additionalProperties) ordered.additionalProperties = arranged(schema.additionalProperties)
  if ('default' in ordered) ordered.default = filled(ordered.default, ordered)
  return ordered
}

/** The value with the defaults of its fields: the API server runs CEL on a default before it fills it in. */
function filled(value: unknown, schema: OpenApiSchema): unknown {
  if (schema.properties === undefined || typeof value !== 'object' || value === null) return value
  const fields = Object.entries(schema.properties).flatMap(([name, field]) => {
    const own = (value as Record<string, unknown>)[name] ?? field.default
    return own === undefined ? [] : [[name, filled(own, field)] as const]
  })
  return Object.fromEntries(fields)
}

function simplify(schema: OpenApiSchema): void {
  if ((schema.additionalProperties as unknown) === false) delete schema.additionalProperties
  if (schema['x-kubernetes-int-or-string'] === true) joinIntOrString(schema)
  if (schema.type === 'integer') nameIntegerFormat(schema)
  // zod spells a date-time out as a pattern of leap years; the format says the same.
  if (schema.format === 'date-time') delete schema.pattern
}

/** Kubernetes' own form of a value that is a number or a string. */
function joinIntOrString(schema: OpenApiSchema): void {
  const branches = (schema['anyOf'] ?? []) as OpenApiSchema[]
  for (const { pattern, maxLength } of branches) {
    if (pattern !== undefined) schema.pattern = pattern
    if (maxLength !== undefined) schema.maxLength = maxLength
  }
  schema['anyOf'] = [{ type: 'integer' }, { type: 'string' }]
}

/** The bounds of the type itself are said by its format. */
function nameIntegerFormat(schema: OpenApiSchema): void {
  schema.format = schema.maximum !== undefined && schema.maximum < 2 ** 31 ? 'int32' : 'int64'
  if (schema.minimum === Number.MIN_SAFE_INTEGER || schema.minimum === -(2 ** 31)) delete schema.minimum
  if (schema.maximum === Number.MAX_SAFE_INTEGER || schema.maximum === 2 ** 31 - 1) delete schema.maximum
}
