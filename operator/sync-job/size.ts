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
  if (mode !== 'Auto') return replicas ?? minReplicas
  const desired = status?.autoscaling?.desiredReplicas ?? minReplicas
  return Math.min(Math.max(desired, minReplicas), maxReplicas)
}

/** Whether its workers are told by the master what each is to read. One that can have only one reads all there is. */
export function isShared({ autoscaling, replicas }: SyncJobSpec): boolean {
  // Whoever sets `replicas` will set another number soon, and for that workers must not have to be started anew.
  return autoscaling.maxReplicas > 1 || replicas !== undefined
}

/** @throws ConfigError SPEC_INVALID where nobody would say which worker reads what */
export function requireMaster(spec: SyncJobSpec, masterUrl: string | null | undefined): void {
  if (!isShared(spec) || typeof masterUrl === 'string') return
  throw new ConfigError(
    'spec.autoscaling.maxReplicas: workers that share a job ask the operator what to read, and it was started without --master-url (Helm: master.enabled); allowed: 1',
    { code: 'SPEC_INVALID' },
  )
}
