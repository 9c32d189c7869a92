// Before workers are replaced, a pod with the new image, plan, Secrets and identity finds out whether it could
// do their work. It takes no split, so the workers do not notice. The Job around it tries some times, then stays for a
// while so that its log can be read; when it is gone, the check may be made again.
import type { Plan } from '#api/plan.ts'
import type { SyncJob } from '#api/sync-job.ts'
import { contentHash } from '../kube/apply.ts'
import type { KubeObject } from '../kube/object.ts'
import type { ConfigMap, Job, Pod } from '../resources.ts'
import { childMeta } from './child-meta.ts'
import { lastComplaint } from './job-outcome.ts'
import { checkName } from './names.ts'
import { podProblem } from './readiness.ts'
import { buildVisitJob, podsOf } from './visit-job.ts'
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
  const { worker, planMapName } = run
  return buildVisitJob(job, plan, {
    name: checkName(name, contentHash([uid, planMapName, worker.image])),
    command: 'check',
    worker,
    planVolume: { name: 'plan', configMap: { name: planMapName } },
    backoffLimit: 2,
    deadlineSeconds,
    keptSeconds,
  })
}

/** A plan that is only being checked: no worker had it, so a teardown must not go by it. */
export function candidate(job: KubeObject, plan: ConfigMap): ConfigMap {
  return { ...plan, metadata: childMeta(job, plan.metadata.name, 'check') }
}

/** What Kubernetes says of a Job that took longer than it may: of a check, that its pod did not come to run. */
export const deadlineExceeded = 'DeadlineExceeded'

export interface Complaint {
  /** A code of ours, or what Kubernetes calls it. */
  reason: string
  message: string
}

/** What a check has to say against its plan so far, or null. */
export function checkComplaint(job: Job, pods: readonly Pod[]): Complaint | null {
  const own = podsOf(job, pods)
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
