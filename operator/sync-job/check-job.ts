// Before workers that work are replaced, a pod with the new image, plan, Secrets and identity finds out whether it could
// do their work. It takes no split, so the workers do not notice. The Job around it tries some times, then stays for a
// while so that its log can be read; when it is gone, the check may be made again.
import type { Plan } from '#api/plan.ts'
import type { SyncJob } from '#api/sync-job.ts'
import { contentHash } from '../kube/apply.ts'
import type { KubeObject } from '../kube/object.ts'
import { jobType } from '../resources.ts'
import type { ConfigMap, Job, Pod } from '../resources.ts'
import { childMeta } from './child-meta.ts'
import { briefResourcesOf } from './children.ts'
import { lastComplaint } from './job-outcome.ts'
import { checkName, labelsOf, workerName } from './names.ts'
import { podProblem } from './readiness.ts'
import { referencedSecrets, sluicePodSpec } from './worker-pod.ts'
import type { WorkerImage } from './worker-pod.ts'

/** As long as a Deployment has for its pods by default: an image may have to be pulled, a node to be added. */
const deadlineSeconds = 600
/** How long the result stands before a failed check is made again. */
const keptSeconds = 300

/** @param run the image and the plan's ConfigMap that are to run */
export function buildCheckJob(
  job: SyncJob,
  plan: Plan,
  run: { worker: WorkerImage; planMapName: string },
): Job {
  const { name, uid } = job.metadata
  const labels = labelsOf(name, 'check')
  const pod = sluicePodSpec({
    ...run.worker,
    command: 'check',
    planVolume: { name: 'plan', configMap: { name: run.planMapName } },
    secrets: referencedSecrets([plan.source, plan.target]),
  })
  return {
    apiVersion: jobType.apiVersion,
    kind: jobType.kind,
    metadata: childMeta(job, checkName(name, contentHash([uid, run.planMapName, run.worker.image])), 'check'),
    spec: {
      backoffLimit: 2,
      activeDeadlineSeconds: deadlineSeconds,
      ttlSecondsAfterFinished: keptSeconds,
      template: {
        metadata: { labels },
        spec: {
          ...pod,
          serviceAccountName: workerName(name),
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 5,
          containers: [{ ...pod.containers[0], resources: briefResourcesOf(job) }],
        },
      },
    },
  }
}

/** A plan that is only being checked: no worker had it, so a teardown must not go by it. */
export function candidate(job: KubeObject, plan: ConfigMap): ConfigMap {
  return { ...plan, metadata: childMeta(job, plan.metadata.name, 'check') }
}

export interface Complaint {
  /** A code of ours, or what Kubernetes calls it. */
  reason: string
  message: string
}

/** What a check has to say against its plan so far, or null. */
export function checkComplaint(job: Job, pods: readonly Pod[]): Complaint | null {
  const own = pods.filter(
    ({ metadata }) => metadata.labels?.['batch.kubernetes.io/job-name'] === job.metadata.name,
  )
  const said = lastComplaint(own)
  if (said !== null) return readComplaint(said)
  const stuck = own.map(podProblem).find(problem => problem !== null)
  if (stuck !== undefined) return stuck
  const failed = job.status?.conditions?.find(({ type, status }) => type === 'Failed' && status === 'True')
  if (failed === undefined) return null
  return { reason: failed.reason ?? 'CheckFailed', message: failed.message ?? 'The check failed.' }
}

/** The line in which `sluice` says why it ended, out of the end of a log: `sluice check: CODE: sentence`. */
export function readComplaint(log: string): Complaint {
  const [, code, sentence] = /^sluice check: (?:([A-Z][A-Z0-9_]*): )?(.*)$/m.exec(log) ?? []
  return {
    reason: code ?? 'CheckFailed',
    message: (sentence ?? log.trim().split('\n').at(-1) ?? '').slice(0, 1000),
  }
}
