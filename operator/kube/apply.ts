// Server-side apply: we state the fields we care about and the server merges them with everybody else's
// (https://kubernetes.io/docs/reference/using-api/server-side-apply/). An object that already is what we would
// state costs no call: its annotation holds the hash of what was last applied, and the live fields still cover it.
// The hash finds fields we no longer state, the comparison finds fields that somebody changed.
import { createHash } from 'node:crypto'
import { parseQuantity, quantity } from '#api/quantity.ts'
import type { KubeClient } from './client.ts'
import { resourcePath } from './object.ts'
import type { KubeObject, ResourceType } from './object.ts'

export const appliedHashAnnotation = 'sluice.dev/applied-hash'

export interface ApplyOptions {
  /** Owner of the stated fields: one per concern, never shared. */
  fieldManager: string
  signal?: AbortSignal
}

/** Applies the object unless `live`, the object as last seen, is that already. Returns the server's, or null for no call. */
export async function applyObject<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  desired: T,
  options: ApplyOptions & { live: T | undefined },
): Promise<T | null> {
  const stated = withAppliedHash(desired)
  if (options.live !== undefined && covers(options.live, stated)) return null
  return serverSideApply(client, type, stated, options)
}

/** Applies the status the controller has observed. */
export async function applyStatus<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  object: KubeObject,
  options: ApplyOptions,
): Promise<T> {
  return serverSideApply(client, type, object, { ...options, subresource: 'status' })
}

async function serverSideApply<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  object: KubeObject,
  options: ApplyOptions & { subresource?: 'status' },
): Promise<T> {
  const { namespace, name } = object.metadata
  const { subresource, fieldManager, signal } = options
  return client.request<T>({
    method: 'PATCH',
    path: resourcePath(type, { namespace, name, ...(subresource ? { subresource } : {}) }),
    // A controller takes over fields it states: two of them disagreeing must end with the one that reconciles.
    query: { fieldManager, force: true },
    contentType: 'application/apply-patch+yaml',
    body: object,
    signal,
  })
}

/** What was stated once is often stated again, by the same object. */
const hashed = new WeakMap<KubeObject, KubeObject>()

export function withAppliedHash<T extends KubeObject>(object: T): T {
  const known = hashed.get(object)
  if (known !== undefined) return known as T
  const annotations = { ...object.metadata.annotations, [appliedHashAnnotation]: contentHash(object) }
  const stated = { ...object, metadata: { ...object.metadata, annotations } }
  hashed.set(object, stated)
  return stated
}

/** Sixteen hex digits over the content, whatever the order of its keys. */
export function contentHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16)
}

/** What JSON.stringify() would say if the keys of every map were in their order. */
export function canonicalJson(value: unknown): string {
  return jsonOf(value) ?? 'null'
}

/** Undefined where JSON has no word for it. A new leader does this some ten times for each job: no copies of the maps. */
function jsonOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const fields: string[] = []
  for (const name of Object.keys(value).toSorted()) {
    const text = jsonOf((value as Record<string, unknown>)[name])
    if (text !== undefined) fields.push(`${JSON.stringify(name)}:${text}`)
  }
  return `{${fields.join(',')}}`
}

/** Whether everything stated in `stated` is so in `live`, which may hold more (defaults, status, others' fields). */
export function covers(live: unknown, stated: unknown): boolean {
  if (stated === undefined || live === stated) return true
  if (typeof stated !== 'object' || stated === null) return sameQuantity(live, stated)
  if (Array.isArray(stated))
    return (
      Array.isArray(live) &&
      live.length === stated.length &&
      stated.every((item, index) => covers(live[index], item))
    )
  // The server drops empty maps and nulls.
  if (typeof live !== 'object' || live === null)
    return Object.values(stated).every(part => part === undefined)
  const fields = live as Record<string, unknown>
  return Object.entries(stated).every(([name, part]) => covers(fields[name], part))
}

/** The server rewrites quantities to a canonical form: 0.5 becomes 500m. */
function sameQuantity(live: unknown, stated: unknown): boolean {
  const [a, b] = [quantity.safeParse(live), quantity.safeParse(stated)]
  return a.success && b.success && parseQuantity(a.data) === parseQuantity(b.data)
}
