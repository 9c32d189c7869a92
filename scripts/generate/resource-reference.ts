// docs/reference/crds.md: every field of every kind, from the schemas that parse them.
import { openApiSchema, type OpenApiSchema } from '#api/openapi.ts'
import { apiVersion, type ResourceKind } from '#api/resource.ts'
import { generatedComment, table } from './markdown.ts'

export function resourceReference(kinds: readonly ResourceKind[]): string {
  return `${generatedComment}
# Resources

All are of \`${apiVersion}\` and live in a namespace. \`kubectl get sluice\` lists all of them. A field that is not
listed here is refused by \`sluice validate\` and by \`kubectl apply\`; clients that do not ask the API server for strict
validation have it dropped.

A *secret value* is written \`{value: …}\`, or \`{secretKeyRef: {name: …, key: …}}\` to have it read from a Secret in the
same namespace. Durations are written \`500ms\`, \`30s\`, \`5m\`, \`1h30m\`; sizes are Kubernetes quantities, \`64Mi\`, \`1.5Gi\`.

${kinds.map(section).join('\n')}`
}

function section(kind: ResourceKind): string {
  const names = [kind.plural, ...kind.shortNames].map(name => `\`${name}\``).join(', ')
  const spec = openApiSchema(kind.spec)
  return `## ${kind.kind}

${kind.description} (${names})

${table(['Field', 'Type', 'Default', 'Meaning'], fields(spec, 'spec'))}
${ruleList(spec)}
Status, as observed:

${table(
  ['Field', 'Type', 'Meaning'],
  fields(openApiSchema(kind.status), 'status').map(([name, type, , text]) => [name!, type!, text!]),
)}
`
}

function fields(schema: OpenApiSchema, path: string): string[][] {
  const required = new Set(schema.required)
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const at = `${path}.${name}`
    const initial = required.has(name) ? '**required**' : defaultText(field)
    const row = [`\`${at}\``, typeText(field), initial, field.description ?? '']
    if (isSecretValue(field)) return [row]
    return [row, ...fields(field, at), ...(field.items ? fields(field.items, `${at}[]`) : [])]
  })
}

function isSecretValue({ properties }: OpenApiSchema): boolean {
  return properties?.['secretKeyRef'] !== undefined
}

/** The default of an object is that of its fields, which have rows of their own. */
function defaultText({ default: value, properties }: OpenApiSchema): string {
  return value === undefined || properties !== undefined ? '' : `\`${JSON.stringify(value)}\``
}

function typeText(schema: OpenApiSchema): string {
  if (schema.enum !== undefined) return schema.enum.map(value => `\`${String(value)}\``).join(' ')
  if (isSecretValue(schema)) return 'secret value'
  if (schema['x-kubernetes-int-or-string'] === true) return 'quantity'
  if (schema.items !== undefined) return `list of ${typeText(schema.items)}`
  if (schema.additionalProperties !== undefined) return `map to ${typeText(schema.additionalProperties)}`
  if (schema.type === 'integer') return `integer${boundsText(schema)}`
  return schema.type ?? ''
}

function boundsText({ minimum, maximum }: OpenApiSchema): string {
  if (minimum === undefined && maximum === undefined) return ''
  return ` ${minimum ?? ''}–${maximum ?? ''}`
}

/** What the API server checks beyond types, in the words of its messages. */
function ruleList(schema: OpenApiSchema): string {
  const rules = rulesOf(schema, 'spec')
  if (rules.length === 0) return ''
  return `\nRules:\n\n${rules.map(([path, message]) => `- \`${path}\`: ${message}`).join('\n')}\n`
}

function rulesOf(schema: OpenApiSchema, path: string): [path: string, message: string][] {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ message }): [string, string] => [
    path,
    message,
  ])
  if (isSecretValue(schema)) return []
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    rulesOf(field, `${path}.${name}`),
  )
  return [...own, ...inner, ...(schema.items ? rulesOf(schema.items, `${path}[]`) : [])]
}
