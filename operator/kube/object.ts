// The part of a Kubernetes object that every kind shares, and how a kind is addressed in the API's URL space
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris). Plain JSON: timestamps stay the
// RFC 3339 strings that the server sent.

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export interface ObjectMeta {
  name: string
  namespace?: string | undefined
  uid?: string | undefined
  resourceVersion?: string | undefined
  generation?: number | undefined
  creationTimestamp?: string | undefined
  deletionTimestamp?: string | undefined
  labels?: Record<string, string> | undefined
  annotations?: Record<string, string> | undefined
  finalizers?: string[] | undefined
  ownerReferences?: OwnerReference[] | undefined
  managedFields?: unknown[] | undefined
}

export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

/** A kind of resource. The type parameter is the shape of its objects; it exists at compile time only. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  readonly shape?: T
}

export interface ResourceAddress {
  namespace?: string | undefined
  name?: string
  subresource?: 'status' | 'scale'
}

/** The URL path of an object, or of a collection when no name is given. */
export function resourcePath(type: ResourceType, at: ResourceAddress = {}): string {
  const root = type.apiVersion.includes('/') ? `/apis/${type.apiVersion}` : `/api/${type.apiVersion}`
  const scope = type.namespaced && at.namespace !== undefined ? `/namespaces/${at.namespace}` : ''
  const name = at.name === undefined ? '' : `/${encodeURIComponent(at.name)}`
  const subresource = at.subresource === undefined ? '' : `/${at.subresource}`
  return `${root}${scope}/${type.plural}${name}${subresource}`
}

/** `namespace/name`, the key of an object within its kind; `name` for cluster-scoped kinds. */
export function objectKey(object: { metadata: ObjectMeta }): string {
  return namespacedName(object.metadata.namespace, object.metadata.name)
}

export function namespacedName(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** The inverse of {@link namespacedName} for namespaced kinds. */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** Whether `owner` is the controlling owner of `object`. */
export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerUid(object) === owner.metadata.uid
}

/** The uid of the controlling owner, or undefined when there is none. */
export function controllerUid(object: KubeObject): string | undefined {
  return object.metadata.ownerReferences?.find(reference => reference.controller)?.uid
}

/** A reference that makes `owner` the controlling owner: its children are collected when it goes. */
export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}

/**
 * Whether version `a` is later than `b`, for two versions of one resource. They are decimal numbers on every
 * server that exists; one that is not is taken as later, which costs a needless update and never a lost one.
 */
export function isLaterVersion(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return true
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return true
  return BigInt(a) > BigInt(b)
}
