// Takes secrets out of a Kubernetes object, by the names of its fields and by the form of its values. What only
// points at a secret stays, since a bug report needs it: names of Secrets and of their keys.
import { isDeepStrictEqual } from 'node:util'
import { parse, stringify } from 'yaml'
import { redacted, redactText } from './redact-text.ts'
import { isSensitiveName } from './sensitive-name.ts'

/** Fields that hold references, and nothing but names. */
const references = new Set(['secretKeyRef', 'secretRef', 'configMapKeyRef', 'imagePullSecrets'])

/** Is told of each secret that is taken out because of the name of its field. */
export type OnSecret = (value: string) => void

const nobody: OnSecret = () => undefined

/** A copy without secrets. `data` and `stringData` of a Secret go whole. */
export function redactObject<T>(object: T, onSecret = nobody): T {
  return redactValue(object, { secret: false, onSecret }) as T
}

interface Where {
  /** What is in it belongs to a field with the name of a secret. */
  secret: boolean
  onSecret: OnSecret
}

function redactValue(value: unknown, where: Where): unknown {
  const { secret, onSecret } = where
  if (typeof value === 'string') {
    if (!secret || value === '') return redactString(value, onSecret)
    onSecret(value)
    return redacted
  }
  if (typeof value === 'number') return secret ? redacted : value
  if (Array.isArray(value)) return redactList(value, where)
  if (typeof value !== 'object' || value === null) return value
  const fields = value as Record<string, unknown>
  const isSecret = fields['kind'] === 'Secret'
  return Object.fromEntries(
    Object.entries(fields).map(([name, part]) => [
      redactText(name),
      redactField(name, part, { ...where, fields, isSecret }),
    ]),
  )
}

function redactField(
  name: string,
  part: unknown,
  within: Where & { fields: Readonly<Record<string, unknown>>; isSecret: boolean },
): unknown {
  if (within.isSecret && (name === 'data' || name === 'stringData')) return redacted
  if (references.has(name) || isSecretVolume(part)) return part
  // An environment variable, a header: {name: …, value: …}.
  const named = name === 'value' && typeof within.fields['name'] === 'string' ? within.fields['name'] : name
  const { secret, onSecret } = within
  return redactValue(part, { secret: secret || isSensitiveName(named), onSecret })
}

/** The volume source `secret`, which names a Secret and its keys. */
function isSecretVolume(part: unknown): boolean {
  return (
    typeof part === 'object' &&
    part !== null &&
    typeof (part as { secretName?: unknown }).secretName === 'string'
  )
}

/** In a command line the option comes first and its value after it. */
function redactList(items: readonly unknown[], { secret, onSecret }: Where): unknown[] {
  return items.map((item, at) => {
    const before = items[at - 1]
    const option = typeof before === 'string' && /^--?[A-Za-z]/.test(before) && !before.includes('=')
    const named = option && typeof item === 'string' && isSensitiveName(before)
    return redactValue(item, { secret: secret || named, onSecret })
  })
}

/** A plan and the annotation of kubectl are JSON within a string, a setting of another program may be YAML. */
export function redactString(text: string, onSecret = nobody): string {
  const parsed = parseDocument(text)
  if (typeof parsed !== 'object' || parsed === null) return redactText(text)
  const clean = redactObject(parsed, onSecret)
  if (isDeepStrictEqual(clean, parsed)) return text
  return text.trimStart().startsWith('{') ? JSON.stringify(clean) : stringify(clean)
}

function parseDocument(text: string): unknown {
  try {
    if (/^\s*[[{]/.test(text)) return JSON.parse(text)
    return /\n/.test(text) && /:(\s|$)/m.test(text) ? parse(text) : undefined
  } catch {
    return undefined
  }
}

/** A log: lines of JSON field by field, what stands between them as text, since a key may go over several lines. */
export function redactLog(text: string): string {
  const parts: string[] = []
  let between: string[] = []
  const flush = (): void => {
    if (between.length > 0) parts.push(redactText(between.join('\n')))
    between = []
  }
  for (const line of text.split('\n')) {
    if (!line.startsWith('{')) between.push(line)
    else {
      flush()
      parts.push(redactString(line))
    }
  }
  flush()
  return parts.join('\n')
}
