// Brings the gauges that are about SyncJobs up to date with what their status says.
import { namespacedName, objectKey } from './kube/object.ts'
import type { OperatorMetrics } from './metrics.ts'
import type { SyncJobObject } from './resources.ts'

export function observeJobs(
  jobs: Iterable<SyncJobObject>,
  metrics: Pick<OperatorMetrics, 'jobs' | 'jobReady' | 'rolloutsHeld'>,
): void {
  for (const gauge of [metrics.jobs, metrics.jobReady, metrics.rolloutsHeld]) gauge.reset()
  for (const job of jobs) {
    const condition = (type: string) => job.status?.conditions?.find(each => each.type === type)
    const [ready, rolledOut] = [condition('Ready'), condition('RolledOut')]
    metrics.jobs.inc({ reason: ready?.reason ?? 'None' })
    const ends = { source: endOf(job, 'source'), target: endOf(job, 'target') }
    metrics.jobReady.set({ job: objectKey(job), ...ends }, ready?.status === 'True' ? 1 : 0)
    if (rolledOut?.status === 'False') metrics.rolloutsHeld.inc({ reason: rolledOut.reason })
  }
}

/** The DataSource at this end, as far as the spec can be read at all. */
function endOf({ metadata, spec }: SyncJobObject, end: 'source' | 'target'): string {
  const name = (spec as Partial<Record<typeof end, { name?: unknown } | null>> | null)?.[end]?.name
  return typeof name === 'string' ? namespacedName(metadata.namespace, name) : ''
}
