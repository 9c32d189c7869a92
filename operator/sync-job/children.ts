// What a SyncJob becomes: pure builders from the job and its plan to the objects that carry it out. The plan's
// ConfigMap is named by its content and immutable, so a change of the plan is a new name in the pod template, a
// rollout like any other, and the pods of the old one keep what they were started with.
import type { Plan } from '#api/plan.ts'
import type { SyncJob } from '#api/sync-job.ts'
import { workerHttpPort } from '#api/worker-status.ts'
import { canonicalJson, contentHash } from '../kube/apply.ts'
import { configMapType, deploymentType, podDisruptionBudgetType, serviceAccountType } from '../resources.ts'
import type {
  ConfigMap,
  Deployment,
  NetworkPolicy,
  PodDisruptionBudget,
  ServiceAccount,
} from '../resources.ts'
import { childMeta } from './child-meta.ts'
import { buildNetworkPolicy } from './network-policy.ts'
import { labelsOf, planName, selectorOf, workerName } from './names.ts'
import { serviceAccountAnnotations } from './placement.ts'
import { isShared } from './size.ts'
import { planFile, referencedSecrets, sharedArg, sluicePodSpec } from './worker-pod.ts'
import type { WorkerImage } from './worker-pod.ts'
import { resourcesOf } from './worker-resources.ts'

/** What spec.restart says: with another value the pods are others, which is all it is for. */
const restartAnnotation = 'sluice.dev/restart'

export interface Children {
  plan: ConfigMap
  serviceAccount: ServiceAccount
  deployment: Deployment
  disruptionBudget: PodDisruptionBudget
  /** Null: the operator makes none. */
  networkPolicy: NetworkPolicy | null
}

/** `replicas` is how many workers there should be now: none while the job is suspended or done. */
export function buildChildren(job: SyncJob, plan: Plan, worker: WorkerImage, replicas: number): Children {
  const planMap = buildPlan(job, plan)
  const annotations = serviceAccountAnnotations(job, worker.placement)
  return {
    plan: planMap,
    serviceAccount: {
      ...typeOf(serviceAccountType),
      metadata: {
        ...childMeta(job, workerName(job.metadata.name), 'worker'),
        ...(annotations && { annotations }),
      },
      automountServiceAccountToken: false,
    },
    deployment: buildDeployment(job, plan, { worker, replicas, planMapName: planMap.metadata.name }),
    disruptionBudget: {
      ...typeOf(podDisruptionBudgetType),
      metadata: childMeta(job, workerName(job.metadata.name), 'worker'),
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: selectorOf(job.metadata.name, 'worker') },
        // A pod that does not work must not keep a node from being drained.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    },
    networkPolicy: worker.networkPolicy ? buildNetworkPolicy(job, plan, worker.networkPolicy) : null,
  }
}

function buildPlan(job: SyncJob, plan: Plan): ConfigMap {
  return {
    ...typeOf(configMapType),
    metadata: childMeta(job, planName(job.metadata.name, contentHash(plan)), 'plan'),
    immutable: true,
    data: { [planFile]: canonicalJson(plan) },
  }
}

function buildDeployment(
  job: SyncJob,
  plan: Plan,
  options: { worker: WorkerImage; replicas: number; planMapName: string },
): Deployment {
  const { name } = job.metadata
  const matchLabels = selectorOf(name, 'worker')
  const pod = sluicePodSpec({
    ...options.worker,
    command: 'worker',
    speaksToMaster: true,
    planVolume: { name: 'plan', configMap: { name: options.planMapName } },
    secrets: referencedSecrets([plan.source, plan.target]),
    priority: plan.priority,
    placementOfJob: job.spec.worker,
    extraArgs: isShared(job.spec) ? [sharedArg] : [],
  })
  return {
    ...typeOf(deploymentType),
    metadata: childMeta(job, workerName(name), 'worker'),
    spec: {
      replicas: options.replicas,
      revisionHistoryLimit: 2,
      selector: { matchLabels },
      strategy: { type: 'RollingUpdate', rollingUpdate: replacing(isShared(job.spec)) },
      template: {
        metadata: {
          labels: labelsOf(name, 'worker'),
          annotations: {
            'kubectl.kubernetes.io/default-container': 'worker',
            ...(job.spec.restart !== undefined && { [restartAnnotation]: job.spec.restart }),
          },
        },
        spec: {
          ...pod,
          serviceAccountName: workerName(name),
          // Longer than a worker takes to drain: it stops reading and commits what it holds.
          terminationGracePeriodSeconds: 30,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels },
            },
          ],
          containers: [{ ...pod.containers[0], ...workerProbes, resources: resourcesOf(job) }],
        },
      },
    },
  }
}

/**
 * Where the master says who reads what, a new worker comes first and is handed what the old one drains. One that reads
 * all there is would be in the way of another, at the journal and at the replication slot: the old pod goes before the
 * new one comes.
 */
function replacing(shared: boolean): { maxSurge: number; maxUnavailable: number } {
  return shared ? { maxSurge: 1, maxUnavailable: 0 } : { maxSurge: 0, maxUnavailable: 1 }
}

/**
 * A worker that has used up its CPU answers late; to end it for that would only add a start to its work. One that hangs
 * never answers.
 */
const workerProbes = {
  ports: [{ name: 'http', containerPort: workerHttpPort, protocol: 'TCP' }],
  livenessProbe: {
    httpGet: { path: '/healthz', port: 'http' },
    periodSeconds: 10,
    timeoutSeconds: 10,
    failureThreshold: 6,
  },
  readinessProbe: {
    httpGet: { path: '/readyz', port: 'http' },
    periodSeconds: 5,
    timeoutSeconds: 5,
    failureThreshold: 2,
  },
}

function typeOf({ apiVersion, kind }: KubeTypeName): KubeTypeName {
  return { apiVersion, kind }
}

interface KubeTypeName {
  apiVersion: string
  kind: string
}
