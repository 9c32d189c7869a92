// How many workers a job is to have now: its Deployment has so many replicas.
import { ConfigError } from '#common/errors.ts'
import type { SyncJobSpec, SyncJobStatus } from '#api/sync-job.ts'

/**
 * Workers of a job that is neither suspended nor complete. `status` is what was last written of it: a decision of the
 * autoscaler counts once it is there, so that an operator that takes over goes on from it.
 */
export function workersOf(
  { autoscaling, replicas }: SyncJobSpec,
  status: Pick<SyncJobStatus, 'autoscaling'> | undefined,
): number {
  const { mode, minReplicas, maxReplicas } = autoscaling
  // Nothing is known to be idle before somebody has decided so.
  const least = Math.max(1, minReplicas)
  if (mode !== 'Auto') return replicas ?? least
  const desired = status?.autoscaling?.desiredReplicas ?? least
  return Math.min(Math.max(desired, minReplicas), maxReplicas)
}

/** Whether the job has no worker because it is idle. It may be suspended or complete all the same. */
export function isAsleep(spec: SyncJobSpec, status: Pick<SyncJobStatus, 'autoscaling'> | undefined): boolean {
  return workersOf(spec, status) === 0
}

/** Whether its workers are told by the master what each is to read. One that can have only one reads all there is. */
export function isShared({ autoscaling, replicas }: SyncJobSpec): boolean {
  // Whoever sets `replicas` will set another number soon, and for that workers must not have to be started anew. One that
  // may be idle tells the master how much it reads.
  return autoscaling.maxReplicas > 1 || autoscaling.minReplicas === 0 || replicas !== undefined
}

/** @throws ConfigError SPEC_INVALID where nobody would say which worker reads what */
export function requireMaster(spec: SyncJobSpec, masterUrl: string | null | undefined): void {
  if (!isShared(spec) || typeof masterUrl === 'string') return
  if (spec.autoscaling.minReplicas === 0)
    throw new ConfigError(
      'spec.autoscaling.minReplicas: workers tell the operator when their job is idle, and it was started without --master-url (Helm: master.enabled); allowed: from 1 on',
      { code: 'SPEC_INVALID' },
    )
  throw new ConfigError(
    'spec.autoscaling.maxReplicas: workers that share a job ask the operator what to read, and it was started without --master-url (Helm: master.enabled); allowed: 1',
    { code: 'SPEC_INVALID' },
  )
}
