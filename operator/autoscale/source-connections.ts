// What the limit of connections of a job's source leaves for its workers, from what the caches hold.
import type { ConnectionUse } from '#master/autoscale/connection-room.ts'
import type { Caches } from '../caches.ts'
import { namespacedName, objectKey } from '../kube/object.ts'
import { isConfigError } from '../resource-check.ts'
import type { SyncJobObject } from '../resources.ts'
import { compileJob } from '../sync-job/compile-job.ts'
import { jobIndexKey } from '../sync-job/names.ts'
import { isWorker } from '../sync-job/observe.ts'

/**
 * Null: the source has no such limit, or the job is refused.
 * @param wanted how many workers another job is to have, whether they are there or not
 */
export function sourceConnections(
  object: SyncJobObject,
  caches: Caches,
  wanted: (other: SyncJobObject) => number,
): Omit<ConnectionUse, 'running'> | null {
  const compiled = compileJob(object, caches)
  if (isConfigError(compiled)) return null
  const { job, source } = compiled.plan
  const connections = source.limits?.connections ?? null
  if (connections === null) return null
  const readers = caches.syncJobs.indexed('dataSource', namespacedName(job.namespace, source.name))
  const others = readers
    .filter(other => objectKey(other) !== objectKey(object))
    .map(other => {
      const pods = caches.pods.indexed('job', jobIndexKey(other)).filter(isWorker)
      return Math.max(pods.length, wanted(other))
    })
  return { connections, others: others.reduce((sum, count) => sum + count, 0) }
}
