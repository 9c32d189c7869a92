// Our resources as their schemas understand them. The API server has checked them already, against the CRDs that
// were installed; these may be older than this operator, so it checks again and says what it cannot work with.
import { check, invalidResource } from '#api/problem.ts'
import type { DataSourceSpec, DataSourceStatus } from '#api/data-source.ts'
import { resourceSchema } from '#api/resource.ts'
import type { Resource } from '#api/resource.ts'
import type { SyncJobSpec, SyncJobStatus } from '#api/sync-job.ts'
import type { VirtualTableSpec, VirtualTableStatus } from '#api/virtual-table.ts'
import { ConfigError } from '#common/errors.ts'
import { dataSource, syncJob, virtualTable } from '#connectors/resource-kinds.ts'
import type { z } from 'zod'
import type { KubeObject } from './kube/object.ts'

const schemas = {
  SyncJob: resourceSchema<SyncJobSpec, SyncJobStatus>(syncJob),
  DataSource: resourceSchema<DataSourceSpec, DataSourceStatus>(dataSource),
  VirtualTable: resourceSchema<VirtualTableSpec, VirtualTableStatus>(virtualTable),
}

type CheckedKind = keyof typeof schemas
type ResourceOf<K extends CheckedKind> = (typeof schemas)[K] extends z.ZodType<infer R> ? R : never

/** An object of a cache never changes, so it is held against its schema once. */
const parsed = new WeakMap<KubeObject, Resource | ConfigError>()

/** The resource with its defaults, or the ConfigError that says all that is wrong with it. */
export function readResource<K extends CheckedKind>(
  kind: K,
  object: KubeObject,
): ResourceOf<K> | ConfigError {
  const known = parsed.get(object)
  if (known !== undefined) return known as ResourceOf<K> | ConfigError
  // Status is ours: what an older version of us wrote there is no reason to refuse a spec.
  const { status: _, ...stated } = object as KubeObject & { status?: unknown }
  const checked = check<Resource>(schemas[kind], stated)
  const read = checked.ok
    ? checked.value
    : invalidResource(`${kind} ${object.metadata.name}`, checked.problems)
  parsed.set(object, read)
  return read as ResourceOf<K> | ConfigError
}

export function isConfigError(value: unknown): value is ConfigError {
  return value instanceof ConfigError
}
