// From a SyncJob in the cache to its plan: the job and the resources it names are held against their schemas,
// then compiled as `sluice run` would.
import type { Plan } from '#api/plan.ts'
import type { DataSource } from '#api/data-source.ts'
import type { SyncJob } from '#api/sync-job.ts'
import type { VirtualTable } from '#api/virtual-table.ts'
import { ConfigError } from '#common/errors.ts'
import { compile } from '#master/compile.ts'
import { dataSourceKeyOf, dataSourceKeysOf } from '../caches.ts'
import type { Caches } from '../caches.ts'
import { objectKey } from '../kube/object.ts'
import { isConfigError, readResource } from '../resource-check.ts'
import type { SyncJobObject } from '../resources.ts'

export interface CompiledJob {
  job: SyncJob
  plan: Plan
}

/** The plan, or the ConfigError that says what to edit, in the job or in a resource it names. */
export function compileJob(object: SyncJobObject, caches: Caches): CompiledJob | ConfigError {
  const job = readResource('SyncJob', object)
  if (isConfigError(job)) return job
  const around = surroundings(object, caches)
  if (isConfigError(around)) return around
  try {
    return { job, plan: compile(job, around) }
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

function surroundings(
  object: SyncJobObject,
  caches: Caches,
): { dataSources: DataSource[]; virtualTables: VirtualTable[] } | ConfigError {
  const namespace = object.metadata.namespace ?? ''
  const named = new Set(dataSourceKeysOf(object))
  const dataSources: DataSource[] = []
  for (const each of caches.dataSources.indexed('namespace', namespace)) {
    const read = readResource('DataSource', each)
    if (!isConfigError(read)) dataSources.push(read)
    else if (named.has(objectKey(each))) return read
  }
  const virtualTables: VirtualTable[] = []
  for (const each of caches.virtualTables.indexed('namespace', namespace)) {
    if (!named.has(dataSourceKeyOf(each))) continue
    const read = readResource('VirtualTable', each)
    if (isConfigError(read)) return read
    virtualTables.push(read)
  }
  return { dataSources, virtualTables }
}
