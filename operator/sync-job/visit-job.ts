// A short-lived Job whose pod does one thing for a SyncJob, with the image, plan, Secrets and identity of its workers.
import type { V1Volume } from '@kubernetes/client-node'
import type { Plan } from '#api/plan.ts'
import type { SyncJob } from '#api/sync-job.ts'
import { jobType } from '../resources.ts'
import type { Job, Pod } from '../resources.ts'
import { childMeta } from './child-meta.ts'
import { labelsOf, workerName } from './names.ts'
import { referencedSecrets, sluicePodSpec } from './worker-pod.ts'
import type { WorkerImage } from './worker-pod.ts'
import { briefResourcesOf } from './worker-resources.ts'

export interface Visit {
  name: string
  /** The command of `sluice`, and the component in the labels. */
  command: 'check' | 'probe'
  worker: WorkerImage
  /** Called `plan`. */
  planVolume: V1Volume
  planFiles?: readonly string[]
  extraArgs?: readonly string[]
  annotations?: Record<string, string>
  backoffLimit: number
  deadlineSeconds: number
  /** How long it stays when it has ended. */
  keptSeconds: number
}

export function buildVisitJob(job: SyncJob, plan: Plan, visit: Visit): Job {
  const { command, worker, planVolume, planFiles, extraArgs = [], annotations } = visit
  const pod = sluicePodSpec({
    ...worker,
    command,
    planVolume,
    planFiles,
    extraArgs,
    secrets: referencedSecrets([plan.source, plan.target]),
    priority: plan.priority,
    placementOfJob: job.spec.worker,
  })
  return {
    apiVersion: jobType.apiVersion,
    kind: jobType.kind,
    metadata: { ...childMeta(job, visit.name, command), ...(annotations && { annotations }) },
    spec: {
      backoffLimit: visit.backoffLimit,
      activeDeadlineSeconds: visit.deadlineSeconds,
      ttlSecondsAfterFinished: visit.keptSeconds,
      template: {
        metadata: { labels: labelsOf(job.metadata.name, command) },
        spec: {
          ...pod,
          serviceAccountName: workerName(job.metadata.name),
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 5,
          containers: [{ ...pod.containers[0], resources: briefResourcesOf(job) }],
        },
      },
    },
  }
}

/** Those of these pods that the Job made. */
export function podsOf(job: Job, pods: readonly Pod[]): Pod[] {
  return pods.filter(
    ({ metadata }) => metadata.labels?.['batch.kubernetes.io/job-name'] === job.metadata.name,
  )
}
