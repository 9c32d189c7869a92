// How many workers a job is to have now: its Deployment has so many replicas.
import { ConfigError } from '#common/errors.ts'
import type { SyncJobSpec, SyncJobStatus } from '#api/sync-job.ts'

/** Workers of a job that is neither suspended nor complete. `status` is what was last written of it. */
export function workersOf({ autoscaling }: SyncJobSpec, _status: SyncJobStatus | undefined): number {
  return autoscaling.minReplicas
}

/** Whether its workers are told by the master what each is to read. One that can have only one reads all there is. */
export function isShared({ autoscaling }: SyncJobSpec): boolean {
  return autoscaling.maxReplicas > 1
}

/** @throws ConfigError SPEC_INVALID where nobody would say which worker reads what */
export function requireMaster(spec: SyncJobSpec, masterUrl: string | null | undefined): void {
  if (!isShared(spec) || typeof masterUrl === 'string') return
  throw new ConfigError(
    'spec.autoscaling.maxReplicas: workers that share a job ask the operator what to read, and it was started without --master-url (Helm: master.enabled); allowed: 1',
    { code: 'SPEC_INVALID' },
  )
}
