// The end of a SyncJob: its workers stop, a short-lived Job removes what they made at the source, then the object
// goes. It always ends: by a deadline, or at once where nothing can be done any more; then an event says what may
// be left. The tables in the target stay, as deletionPolicy says.
import type { Plan } from '#api/plan.ts'
import { planSchema } from '#api/plan.ts'
import type { Clock } from '#common/clock.ts'
import type { Logger } from '#common/logger.ts'
import type { Caches } from '../caches.ts'
import { isNamespaceTerminating, statusOf } from '../kube/api-error.ts'
import type { KubeClient } from '../kube/client.ts'
import type { EventRecorder, Happening } from '../kube/events.ts'
import { releaseFinalizer } from '../kube/finalizer.ts'
import { namespacedName } from '../kube/object.ts'
import type { Requeue } from '../kube/work-queue.ts'
import { isConfigError } from '../resource-check.ts'
import { deploymentType, jobType, syncJobType } from '../resources.ts'
import type { SyncJobObject } from '../resources.ts'
import { compileJob } from './compile-job.ts'
import { jobOutcome, lastComplaint } from './job-outcome.ts'
import { jobIndexKey, teardownName, workerName } from './names.ts'
import { isPlan, isTeardown, isWorker } from './observe.ts'
import type { SourceVisits } from './source-visits.ts'
import { buildTeardownJob } from './teardown-job.ts'
import { planFile } from './worker-pod.ts'
import type { WorkerImage } from './worker-pod.ts'

export const teardownFinalizer = 'sluice.dev/teardown'

export interface TeardownContext {
  client: KubeClient
  caches: Caches
  events: EventRecorder
  clock: Clock
  logger: Logger
  worker: WorkerImage
  visits: SourceVisits
  /** From the deletion to giving up. */
  deadlineMs: number
}

const pollMs = 2000

export class Teardown {
  readonly #context: TeardownContext

  constructor(context: TeardownContext) {
    this.#context = context
  }

  /** One step of the deletion of a job that carries our finalizer. */
  async step(job: SyncJobObject): Promise<Requeue> {
    const { clock, deadlineMs } = this.#context
    const leftMs = Date.parse(job.metadata.deletionTimestamp ?? '') + deadlineMs - clock.nowMs()
    if (leftMs <= 0)
      return this.#letGo(job, abandoned(`not done within ${deadlineMs / 1000} s; ${this.#standing(job)}`))

    // A worker that still drains holds its slot, and would lose what it has yet to commit.
    if (await this.#stopWorkers(job)) return { afterMs: pollMs }

    const plan = this.#plan(job)
    if (plan === null) return this.#letGo(job, null)
    return this.#runJob(job, plan, leftMs)
  }

  /** Deletes the Deployment and waits for its pods. True while there is any of them. */
  async #stopWorkers(job: SyncJobObject): Promise<boolean> {
    const { caches, client } = this.#context
    const { namespace, name } = job.metadata
    const deployment = caches.deployments.get(namespacedName(namespace, workerName(name)))
    if (deployment === undefined) return caches.pods.indexed('job', jobIndexKey(job)).some(isWorker)
    // Foreground: it is there until its last pod is gone, so no pod can come to be after we have looked.
    if (deployment.metadata.deletionTimestamp === undefined)
      await client.delete(deploymentType, { ...deployment.metadata }, 'Foreground')
    return true
  }

  async #runJob(job: SyncJobObject, plan: Plan, leftMs: number): Promise<Requeue> {
    const { caches, client, worker, visits } = this.#context
    const running = caches.jobs.get(namespacedName(job.metadata.namespace, teardownName(job)))
    if (running === undefined) {
      const visit = buildTeardownJob(job, plan, worker, leftMs / 1000)
      if (!visits.take(plan, visit)) return { afterMs: pollMs }
      try {
        await client.create(jobType, visit)
      } catch (error) {
        visits.giveBack(visit)
        if (isNamespaceTerminating(error))
          return this.#letGo(job, abandoned('the namespace is being deleted, so nothing can run in it'))
        // Made a moment ago, and not in the cache yet.
        if (statusOf(error) !== 409) throw error
      }
      return { afterMs: pollMs }
    }
    switch (jobOutcome(running)) {
      case 'running':
        return { afterMs: Math.min(leftMs, 10_000) }
      case 'done':
        return this.#letGo(job, {
          type: 'Normal',
          action: 'Teardown',
          reason: 'TornDown',
          note: `What the job had made at DataSource ${plan.source.name} is removed; its tables stay.`,
        })
      case 'failed':
        return this.#letGo(job, abandoned(this.#standing(job)))
    }
  }

  /** The plan the workers last had; without one, what compiles now; null when the job never ran. */
  #plan(job: SyncJobObject): Plan | null {
    const newestFirst = this.#context.caches.configMaps
      .indexed('job', jobIndexKey(job))
      // One that is only being checked was never carried out.
      .filter(isPlan)
      .toSorted((a, b) =>
        (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1,
      )
    for (const { data } of newestFirst) {
      const parsed = planSchema.safeParse(JSON.parse(data?.[planFile] ?? 'null'))
      if (parsed.success) return parsed.data
    }
    // A foreground deletion takes the ConfigMaps first. A job without a selector in its status never had workers.
    if (job.status?.selector === undefined) return null
    const compiled = compileJob(job, this.#context.caches)
    return isConfigError(compiled) ? null : compiled.plan
  }

  /** How far it has come, for the event. */
  #standing(job: SyncJobObject): string {
    const pods = this.#context.caches.pods.indexed('job', jobIndexKey(job))
    const workers = pods.filter(isWorker)
    if (workers.length > 0) return `worker pod ${workers[0]?.metadata.name} has not ended`
    const complaint = lastComplaint(pods.filter(isTeardown))
    return complaint === null ? 'the teardown pod did not end' : `the teardown pod says: ${complaint}`
  }

  async #letGo(job: SyncJobObject, happening: Happening | null): Promise<Requeue> {
    const { client, events, logger } = this.#context
    if (happening !== null) {
      events.record(job, happening)
      logger.info('SyncJob deleted', {
        namespace: job.metadata.namespace,
        name: job.metadata.name,
        ...happening,
      })
    }
    await releaseFinalizer(client, syncJobType, job)
    return { afterMs: null }
  }
}

function abandoned(why: string): Happening {
  return {
    type: 'Warning',
    action: 'Teardown',
    reason: 'TeardownAbandoned',
    note: `What this job had made at its source may be left there, such as a replication slot, which keeps the log for ever: ${why}.`,
  }
}
