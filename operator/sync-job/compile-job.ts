// From a SyncJob in the cache to its plan: the job and the resources it names are held against their schemas,
// then compiled as `sluice run` would.
import type { Plan } from '#api/plan.ts'
import type { DataSource } from '#api/data-source.ts'
import type { SyncJob } from '#api/sync-job.ts'
import type { VirtualTable } from '#api/virtual-table.ts'
import type { ConfigError } from '#common/errors.ts'
import { compile } from '#master/compile.ts'
import type { Surroundings } from '#master/references.ts'
import { dataSourceKeyOf, dataSourceKeysOf } from '../caches.ts'
import type { Caches } from '../caches.ts'
import { objectKey } from '../kube/object.ts'
import { isConfigError, readResource } from '../resource-check.ts'
import type { CustomObject, SyncJobObject } from '../resources.ts'

export interface CompiledJob {
  job: SyncJob
  plan: Plan
}

/** What a job was last compiled from: objects of the caches never change, so the same ones give the same plan. */
const lastCompiled = new WeakMap<
  SyncJobObject,
  { around: readonly CustomObject[]; result: CompiledJob | ConfigError }
>()

/** The plan, or the ConfigError that says what to edit, in the job or in a resource it names. */
export function compileJob(object: SyncJobObject, caches: Caches): CompiledJob | ConfigError {
  const namespace = object.metadata.namespace ?? ''
  const around = [
    ...caches.dataSources.indexed('namespace', namespace),
    ...caches.virtualTables.indexed('namespace', namespace),
  ]
  const last = lastCompiled.get(object)
  if (last?.around.length === around.length && around.every((each, index) => each === last.around[index]))
    return last.result
  const result = compileAnew(object, around)
  lastCompiled.set(object, { around, result })
  return result
}

function compileAnew(object: SyncJobObject, around: readonly CustomObject[]): CompiledJob | ConfigError {
  const job = readResource('SyncJob', object)
  if (isConfigError(job)) return job
  const surroundings = readAround(object, around)
  if (isConfigError(surroundings)) return surroundings
  try {
    return { job, plan: compile(job, surroundings) }
  } catch (error) {
    if (isConfigError(error)) return error
    throw error
  }
}

/** The resources around a job. One that is not valid matters only when the job uses it. */
function readAround(object: SyncJobObject, around: readonly CustomObject[]): Surroundings | ConfigError {
  const named = new Set(dataSourceKeysOf(object))
  const dataSources: DataSource[] = []
  const virtualTables: VirtualTable[] = []
  for (const each of around) {
    if (each.kind === 'DataSource') {
      const read = readResource('DataSource', each)
      if (!isConfigError(read)) dataSources.push(read)
      else if (named.has(objectKey(each))) return read
    } else if (named.has(dataSourceKeyOf(each))) {
      const read = readResource('VirtualTable', each)
      if (isConfigError(read)) return read
      virtualTables.push(read)
    }
  }
  return { dataSources, virtualTables }
}
