// The state of a stand-in API server: objects with versions, a bounded history for watches, server-side apply
// with field ownership (maps are merged, lists are atomic), generations, finalizers and collection of children.
import type { KubeObject } from '#operator/kube/object.ts'

export type Json = Record<string, unknown>

export interface StoredEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  collection: string
  object: KubeObject
  version: number
}

export class StoreError extends Error {
  readonly status: number
  readonly reason: string
  constructor(status: number, reason: string, message = reason) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

type Owned = Map<string, Json>

export class FakeApiStore {
  version = 1
  /** Versions up to here are forgotten: a watch from them gets 410. */
  compactedTo = 0
  readonly history: StoredEvent[] = []
  readonly #objects = new Map<string, KubeObject>()
  /** By object and subresource: what each field manager last applied. */
  readonly #applied = new Map<string, Owned>()
  readonly #listeners = new Set<(event: StoredEvent) => void>()
  #uid = 0

  subscribe(listener: (event: StoredEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** `collection` is a path such as `/apis/apps/v1/deployments`, without a namespace. */
  list(collection: string, namespace?: string): KubeObject[] {
    return [...this.#objects]
      .filter(([key]) => key.startsWith(`${collection}|`))
      .map(([, object]) => object)
      .filter(object => namespace === undefined || object.metadata.namespace === namespace)
      .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  }

  get(collection: string, namespace: string | undefined, name: string): KubeObject {
    const found = this.#objects.get(`${collection}|${namespace ?? ''}/${name}`)
    if (found === undefined) throw new StoreError(404, 'NotFound', `${collection} "${name}" not found`)
    return found
  }

  find(collection: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(`${collection}|${namespace ?? ''}/${name}`)
  }

  create(collection: string, object: KubeObject): KubeObject {
    const key = `${collection}|${keyOf(object)}`
    if (this.#objects.has(key)) throw new StoreError(409, 'AlreadyExists')
    const metadata = {
      ...object.metadata,
      uid: `uid-${++this.#uid}`,
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    }
    return this.#write('ADDED', collection, { ...object, metadata })
  }

  update(collection: string, object: KubeObject, subresource?: string): KubeObject {
    const { namespace, name } = object.metadata
    const live = this.get(collection, namespace, name)
    const { resourceVersion } = object.metadata
    if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion)
      throw new StoreError(409, 'Conflict')
    return this.#replace(collection, live, object, subresource)
  }

  mergePatch(collection: string, at: { namespace?: string; name: string }, patch: Json): KubeObject {
    const live = this.get(collection, at.namespace, at.name)
    const expected = (patch['metadata'] as Json | undefined)?.['resourceVersion']
    if (expected !== undefined && expected !== live.metadata.resourceVersion)
      throw new StoreError(409, 'Conflict')
    return this.#replace(
      collection,
      live,
      mergeNulls(live as unknown as Json, patch) as unknown as KubeObject,
    )
  }

  apply(collection: string, object: KubeObject, manager: string, subresource?: string): KubeObject {
    const { namespace, name } = object.metadata
    const key = `${collection}|${namespace ?? ''}/${name}`
    const live = this.#objects.get(key)
    const stated = object as unknown as Json
    if (live === undefined) {
      if (subresource !== undefined) throw new StoreError(404, 'NotFound')
      if (object.metadata.uid !== undefined) throw new StoreError(409, 'Conflict', 'uid mismatch')
      this.#applied.set(key, new Map([[manager, stated]]))
      return this.create(collection, object)
    }
    if (object.metadata.uid !== undefined && object.metadata.uid !== live.metadata.uid)
      throw new StoreError(409, 'Conflict', 'uid mismatch')
    const ownedKey = `${key}#${subresource ?? ''}`
    const owned = this.#applied.get(ownedKey) ?? this.#applied.get(key) ?? new Map<string, Json>()
    const previous = owned.get(`${manager}#${subresource ?? ''}`) ?? owned.get(manager) ?? {}
    const pruned = prune(live as unknown as Json, previous, stated)
    owned.set(`${manager}#${subresource ?? ''}`, stated)
    this.#applied.set(ownedKey, owned)
    return this.#replace(collection, live, merge(pruned, stated) as unknown as KubeObject, subresource)
  }

  delete(collection: string, namespace: string | undefined, name: string, uid?: string): KubeObject {
    const live = this.get(collection, namespace, name)
    if (uid !== undefined && uid !== live.metadata.uid) throw new StoreError(409, 'Conflict')
    if ((live.metadata.finalizers ?? []).length > 0) {
      if (live.metadata.deletionTimestamp !== undefined) return live
      const metadata = { ...live.metadata, deletionTimestamp: new Date().toISOString() }
      return this.#write('MODIFIED', collection, { ...live, metadata })
    }
    return this.#remove(collection, live)
  }

  /** Forgets the history, as etcd's compaction does. */
  compact(): void {
    this.compactedTo = this.version
    this.history.length = 0
  }

  #replace(collection: string, live: KubeObject, next: KubeObject, subresource?: string): KubeObject {
    const [from, to] = [live as unknown as Json, next as unknown as Json]
    const content: Json = subresource === 'status' ? { ...from, status: to['status'] } : { ...to }
    if (subresource !== 'status' && from['status'] !== undefined && isCustom(collection))
      content['status'] = from['status']
    const specChanged = !equal(from['spec'], content['spec'])
    const metadata = {
      ...(subresource === 'status' ? live.metadata : next.metadata),
      uid: live.metadata.uid,
      generation: (live.metadata.generation ?? 1) + (specChanged ? 1 : 0),
      creationTimestamp: live.metadata.creationTimestamp,
      resourceVersion: live.metadata.resourceVersion,
      ...(live.metadata.deletionTimestamp === undefined
        ? {}
        : { deletionTimestamp: live.metadata.deletionTimestamp }),
    }
    const written = { ...content, metadata } as unknown as KubeObject
    if (equal(written, live)) return live
    const { deletionTimestamp, finalizers } = written.metadata
    if (deletionTimestamp !== undefined && (finalizers ?? []).length === 0)
      return this.#remove(collection, written)
    return this.#write('MODIFIED', collection, written)
  }

  #write(type: 'ADDED' | 'MODIFIED', collection: string, object: KubeObject): KubeObject {
    const version = ++this.version
    const written = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
    this.#objects.set(`${collection}|${keyOf(written)}`, written)
    this.#publish({ type, collection, object: written, version })
    return written
  }

  #remove(collection: string, live: KubeObject): KubeObject {
    const version = ++this.version
    const key = `${collection}|${keyOf(live)}`
    const gone = { ...live, metadata: { ...live.metadata, resourceVersion: String(version) } }
    this.#objects.delete(key)
    for (const applied of this.#applied.keys()) if (applied.startsWith(key)) this.#applied.delete(applied)
    this.#publish({ type: 'DELETED', collection, object: gone, version })
    for (const [childKey, child] of this.#objects)
      if (child.metadata.ownerReferences?.some(owner => owner.uid === live.metadata.uid))
        this.#collect(childKey)
    return gone
  }

  #collect(key: string): void {
    const [collection = '', at = ''] = key.split('|')
    const [namespace, name = ''] = at.split('/')
    if (this.#objects.has(key)) this.delete(collection, namespace === '' ? undefined : namespace, name)
  }

  #publish(event: StoredEvent): void {
    this.history.push(event)
    for (const listener of this.#listeners) listener(event)
  }
}

function isCustom(collection: string): boolean {
  return collection.includes('.dev/')
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every(key => equal((a as Json)[key], (b as Json)[key]))
}

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function merge(into: Json, from: Json): Json {
  const merged: Json = { ...into }
  for (const [name, value] of Object.entries(from))
    merged[name] = isMap(value) && isMap(merged[name]) ? merge(merged[name], value) : value
  return merged
}

function mergeNulls(into: Json, patch: Json): Json {
  const merged: Json = { ...into }
  for (const [name, value] of Object.entries(patch))
    if (value === null) delete merged[name]
    else merged[name] = isMap(value) ? mergeNulls(isMap(merged[name]) ? merged[name] : {}, value) : value
  return merged
}

/** Drops the fields that the manager stated before and states no more. */
function prune(live: Json, before: Json, now: Json): Json {
  const kept: Json = { ...live }
  for (const [name, value] of Object.entries(before)) {
    const stated = now[name]
    // Of a map only what the manager had stated in it goes; the rest may be others'.
    if (
      isMap(value) &&
      Object.keys(value).length > 0 &&
      isMap(kept[name]) &&
      (isMap(stated) || !(name in now))
    ) {
      const rest = prune(kept[name], value, isMap(stated) ? stated : {})
      if (name in now || Object.keys(rest).length > 0) kept[name] = rest
      else delete kept[name]
    } else if (!(name in now)) delete kept[name]
  }
  return kept
}
