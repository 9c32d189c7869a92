// All that can be known of one job: read once, then told by pure functions. What the user may not read, or what
// does not answer, is a gap that is told and not a failure, so that `explain` helps just when things are bad.
import { workerHttpPort, workerStatusSchema } from '#api/worker-status.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import { describeError, SyncError } from '#common/errors.ts'
import { statusOf } from '#operator/kube/api-error.ts'
import type { KubeClient } from '#operator/kube/client.ts'
import { resourcePath } from '#operator/kube/object.ts'
import { dataSourceType, deploymentType, podType } from '#operator/resources.ts'
import type { CustomObject, Deployment, Pod, SyncJobObject } from '#operator/resources.ts'
import { componentLabel, jobLabel, selectorOf, shortName, workerName } from '#operator/sync-job/names.ts'
import { isCheck, isRunning, isTeardown, isWorker } from '#operator/sync-job/observe.ts'
import { clusterEventType, concerns } from './cluster-event.ts'
import type { ClusterEvent } from './cluster-event.ts'
import type { Session } from './session.ts'

export interface WorkerFacts {
  pod: Pod
  /** What it says about itself; null when it was not asked or does not answer. */
  status: WorkerStatus | null
}

export interface JobFacts {
  job: SyncJobObject
  source: CustomObject | null
  target: CustomObject | null
  deployment: Deployment | null
  workers: WorkerFacts[]
  /** Of checks before a rollout, and of the teardown. */
  helperPods: Pod[]
  events: ClusterEvent[]
  /** What could not be read, a sentence each. */
  gaps: string[]
  nowMs: number
}

const askTimeoutMs = 5000

/** Label selector of all worker pods; with a job, of those of the job. */
export function workerSelector(job?: string): string {
  const labels = job === undefined ? { [componentLabel]: 'worker' } : selectorOf(job, 'worker')
  const terms = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
  return (job === undefined ? [...terms, jobLabel] : terms).join(',')
}

export async function readJobFacts(session: Session, job: SyncJobObject): Promise<JobFacts> {
  const { client, clock, signal } = session
  const { namespace, name } = job.metadata
  const gaps: string[] = []
  const spec = job.spec as { source?: { name?: string }; target?: { name?: string } } | undefined
  const dataSource = (of: string | undefined) =>
    orGap(gaps, `DataSource ${of}`, null, client.get(dataSourceType, { namespace, name: of ?? '' }, signal))
  const labelSelector = `${jobLabel}=${shortName(name)}`
  const [source, target, deployment, pods, events] = await Promise.all([
    dataSource(spec?.source?.name),
    dataSource(spec?.target?.name),
    orGap(
      gaps,
      'the Deployment',
      null,
      client.get(deploymentType, { namespace, name: workerName(name) }, signal),
    ),
    orGap(gaps, 'pods', [], client.list(podType, { namespace, labelSelector, signal })),
    orGap(gaps, 'events', [], client.list(clusterEventType, { namespace, signal })),
  ])
  const workers = await Promise.all(pods.filter(isWorker).map(pod => readWorker(client, pod, gaps)))
  return {
    job,
    source,
    target,
    deployment,
    workers,
    helperPods: pods.filter(pod => isCheck(pod) || isTeardown(pod)),
    events: events.filter(event => concerns(event, name)),
    gaps,
    nowMs: clock.nowMs(),
  }
}

async function readWorker(client: KubeClient, pod: Pod, gaps: string[]): Promise<WorkerFacts> {
  if (!isRunning(pod)) return { pod, status: null }
  const what = `the status of worker ${pod.metadata.name} (through pods/proxy)`
  return { pod, status: await orGap(gaps, what, null, askWorker(client, pod)) }
}

/** GET /status of a worker, by way of the API server: its own address cannot be reached from outside the cluster. */
async function askWorker(client: KubeClient, { metadata }: Pod): Promise<WorkerStatus> {
  const { namespace, name } = metadata
  const pod = resourcePath(podType, { namespace, name: `${name}:${workerHttpPort}` })
  const answer = await client.request({
    method: 'GET',
    path: `${pod}/proxy/status`,
    idleTimeoutMs: askTimeoutMs,
  })
  return workerStatusSchema.parse(answer)
}

/** What was asked for, or `instead` and a sentence in `gaps`. */
export async function orGap<T>(gaps: string[], what: string, instead: T, asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    const mayNot = error instanceof SyncError && error.code === 'KUBE_FORBIDDEN' && statusOf(error) === 403
    gaps.push(mayNot ? `${what}: you may not read that` : `${what}: ${describeError(error).slice(0, 300)}`)
    return instead
  }
}
