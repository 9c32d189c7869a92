// How many workers a job is to have now: its Deployment has so many replicas.
import type { SyncJobSpec, SyncJobStatus } from '#api/sync-job.ts'

/** Workers of a job that is neither suspended nor complete. `status` is what was last written of it. */
export function workersOf({ autoscaling }: SyncJobSpec, _status: SyncJobStatus | undefined): number {
  return autoscaling.minReplicas
}
