// Where the pods of a job may run, and which annotations their ServiceAccount has: what the operator was told for all jobs,
// and what the job says for itself.
import type { V1PodSpec, V1Toleration } from '@kubernetes/client-node'
import { z } from 'zod'
import type { SyncJob } from '#api/sync-job.ts'
import { workerPlacement } from '#api/worker-placement.ts'
import type { WorkerPlacement } from '#api/worker-placement.ts'
import { jsonArgument } from '../json-argument.ts'

/** Of `--worker-placement`. @throws ConfigError SPEC_INVALID */
export function readPlacement(text: string | undefined): WorkerPlacement | null {
  return jsonArgument(z.strictObject(workerPlacement), text, '--worker-placement')
}

/** Of a pod: a label of the job's takes the place of the operator's, and taints are tolerated that either names. */
export function placementOf(
  { nodeSelector, tolerations = [] }: WorkerPlacement,
  around: WorkerPlacement | null | undefined,
): Pick<V1PodSpec, 'nodeSelector' | 'tolerations'> {
  const labels = { ...around?.nodeSelector, ...nodeSelector }
  const all = [...(around?.tolerations ?? []), ...tolerations]
  return {
    ...(Object.keys(labels).length > 0 && { nodeSelector: labels }),
    // The API's type knows no fields that are undefined; JSON knows none either.
    ...(all.length > 0 && { tolerations: all as V1Toleration[] }),
  }
}

/** Undefined: there are none. */
export function serviceAccountAnnotations(
  { spec: { worker } }: SyncJob,
  around: WorkerPlacement | null | undefined,
): Record<string, string> | undefined {
  const annotations = { ...around?.serviceAccountAnnotations, ...worker.serviceAccountAnnotations }
  return Object.keys(annotations).length > 0 ? annotations : undefined
}
