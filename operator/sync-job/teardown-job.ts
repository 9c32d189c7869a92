// What a deleted SyncJob leaves at its source (a replication slot, a publication) is removed by a short-lived Job
// that runs the workers' image with the workers' secrets: the operator itself reaches no database. The Job stands
// on its own: the plan travels in its annotation and it has no owner, because a foreground deletion of the SyncJob
// collects everything it owns before our finalizer had its turn. It goes by itself some minutes after it ended, so that
// its log can be read.
import type { Plan } from '#api/plan.ts'
import { canonicalJson } from '../kube/apply.ts'
import type { ObjectMeta } from '../kube/object.ts'
import { jobType } from '../resources.ts'
import type { Job } from '../resources.ts'
import { labelsOf, teardownName } from './names.ts'
import { planFile, referencedSecrets, sluicePodSpec } from './worker-pod.ts'
import type { WorkerImage } from './worker-pod.ts'
import { briefResources } from './worker-resources.ts'

const planAnnotation = 'sluice.dev/plan'

/** `deadlineSeconds` is what is left until the deletion goes on without it. */
export function buildTeardownJob(
  job: { metadata: ObjectMeta },
  plan: Plan,
  worker: WorkerImage,
  deadlineSeconds: number,
): Job {
  const { name, namespace } = job.metadata
  const labels = labelsOf(name, 'teardown')
  const pod = sluicePodSpec({
    ...worker,
    command: 'teardown',
    planVolume: {
      name: 'plan',
      downwardAPI: {
        items: [{ path: planFile, fieldRef: { fieldPath: `metadata.annotations['${planAnnotation}']` } }],
      },
    },
    secrets: referencedSecrets([plan.source, plan.target]),
    priority: plan.priority,
  })
  return {
    apiVersion: jobType.apiVersion,
    kind: jobType.kind,
    metadata: { name: teardownName(job), namespace, labels },
    spec: {
      // Failures are retried by the Job, each time after a longer wait, until the deadline.
      backoffLimit: 10,
      activeDeadlineSeconds: Math.max(1, Math.ceil(deadlineSeconds)),
      ttlSecondsAfterFinished: 300,
      template: {
        metadata: { labels, annotations: { [planAnnotation]: canonicalJson(sourceOnly(plan)) } },
        spec: {
          ...pod,
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 5,
          // Under a quota Kubernetes refuses pods that do not say what they use.
          containers: [{ ...pod.containers[0], resources: briefResources }],
        },
      },
    },
  }
}

/** The plan without what only syncing needs: annotations have little room. */
function sourceOnly(plan: Plan): Plan {
  return { ...plan, virtualTables: [], tables: plan.tables.slice(0, 1) }
}
