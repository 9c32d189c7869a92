// The operator without its process: watches, controllers, and the wiring from "this changed" to "look at that".
// main.ts gives it a client and a signal; tests give it a stand-in API server and a clock.
import type { Heartbeat, HeartbeatAnswer } from '#api/heartbeat.ts'
import type { Clock } from '#common/clock.ts'
import type { Logger } from '#common/logger.ts'
import { Autoscaler } from './autoscale/autoscaler.ts'
import { observeScaling } from './autoscale/observe-scaling.ts'
import { Sleepers } from './autoscale/sleepers.ts'
import { Watches, dataSourceKeyOf } from './caches.ts'
import { Controller } from './controller.ts'
import type { JobShares } from './heartbeat/job-splits.ts'
import { Master } from './heartbeat/master.ts'
import type { PodIdentity } from './heartbeat/token-review.ts'
import type { KubeClient } from './kube/client.ts'
import { EventRecorder } from './kube/events.ts'
import type { Change } from './kube/object-cache.ts'
import { objectKey } from './kube/object.ts'
import type { KubeObject } from './kube/object.ts'
import type { Requeue } from './kube/work-queue.ts'
import type { OperatorMetrics } from './metrics.ts'
import { observeJobs } from './observe-jobs.ts'
import { observeShares } from './heartbeat/observe-shares.ts'
import type { CustomObject, Pod, SyncJobObject } from './resources.ts'
import { CheckTurns } from './sync-job/check-turns.ts'
import { SourceVisits } from './sync-job/source-visits.ts'
import { jobKeyOf } from './sync-job/names.ts'
import { SyncJobReconciler } from './sync-job/reconcile.ts'
import { Teardown } from './sync-job/teardown.ts'
import type { WorkerImage } from './sync-job/worker-pod.ts'
import { WorkerReports } from './sync-job/worker-reports.ts'
import type { AskWorker } from './sync-job/worker-reports.ts'
import { LateChanges, firstLooks } from './take-over.ts'
import { reconcileDataSource, reconcileVirtualTable, tablesOfDataSource } from './validity.ts'

export interface OperatorOptions {
  client: KubeClient
  /** Undefined: all namespaces. */
  namespace?: string | undefined
  /** Name of this process, for events. */
  instance: string
  worker: WorkerImage
  askWorker: AskWorker
  clock: Clock
  logger: Logger
  metrics: OperatorMetrics
  /** How often running workers are asked for their status. */
  pollIntervalMs?: number
  /** Checks before rollouts that run at once, at most. */
  checksMax?: number
  /** From the deletion of a SyncJob to giving up its teardown. */
  teardownDeadlineMs?: number
  /** The term that begins when it runs: grows with every change of leaders. */
  term?: () => number
}

const masterTickMs = 1_000

/** Every job is looked at this often even when nothing happens: what a bug or a lost event left undone ends here. */
const resyncIntervalMs = 10 * 60_000

export class Operator {
  readonly #options: OperatorOptions
  readonly #watches: Watches
  readonly #reports: WorkerReports
  readonly #events: EventRecorder
  readonly #autoscaler: Autoscaler
  readonly #sleepers: Sleepers
  readonly #syncJobs: Controller
  readonly #dataSources: Controller
  readonly #virtualTables: Controller
  /** While it leads and has read the cluster. */
  #master: Master | null = null
  /** Around jobs, while it does not. */
  readonly #late: LateChanges
  /** Jobs that were there when it began to lead, and that it has not looked at since. */
  readonly #unseen = new Set<string>()

  constructor(options: OperatorOptions) {
    this.#options = options
    const { client, clock, logger, metrics, worker, instance } = options
    const onChange = (change: Change<KubeObject>): void => this.#changed(change)
    this.#watches = new Watches({
      client,
      namespace: options.namespace,
      networkPolicies: (worker.networkPolicy ?? null) !== null,
      clock,
      logger,
      onChange,
    })
    this.#late = new LateChanges(clock)
    this.#reports = new WorkerReports(options.askWorker, clock)
    const events = new EventRecorder({ client, controller: 'sluice.dev/operator', instance, clock, logger })
    this.#events = events
    const { caches } = this.#watches
    const visits = new SourceVisits(caches, clock)
    const deadlineMs = options.teardownDeadlineMs ?? 300_000
    const onDecision = (job: string): void => this.#syncJobs.queue.add(job)
    this.#autoscaler = new Autoscaler({ caches, clock, events, metrics, onDecision })
    this.#sleepers = new Sleepers({
      client,
      caches,
      autoscaler: this.#autoscaler,
      worker,
      visits,
      clock,
      logger,
      metrics,
      probesMax: 10,
    })
    const reconciler = new SyncJobReconciler({
      client,
      caches,
      events,
      clock,
      worker,
      reports: this.#reports,
      teardown: new Teardown({ client, caches, events, clock, logger, worker, visits, deadlineMs }),
      scalingOf: object => this.#autoscaler.scalingOf(object),
      checkTurns: new CheckTurns(options.checksMax ?? 10, caches.jobs, clock),
      visits,
      pollIntervalMs: options.pollIntervalMs ?? 5000,
    })
    const controller = (
      name: string,
      workers: number,
      reconcile: (key: string) => Promise<Requeue>,
    ): Controller => new Controller({ name, workers, reconcile, clock, logger, metrics })
    this.#syncJobs = controller('sync-job', 8, key =>
      reconciler.reconcile(key).finally(() => this.#unseen.delete(key)),
    )
    this.#dataSources = controller('data-source', 2, key =>
      reconcileDataSource(key, { client, caches, clock }),
    )
    this.#virtualTables = controller('virtual-table', 2, key =>
      reconcileVirtualTable(key, { client, caches, clock }),
    )
  }

  /** Whether every kind has been listed. */
  get hasSynced(): boolean {
    return this.#watches.hasSynced
  }

  /** Brings the gauges up to date, when they are asked for. */
  observe(): void {
    const { metrics } = this.#options
    const controllers = {
      'sync-job': this.#syncJobs,
      'data-source': this.#dataSources,
      'virtual-table': this.#virtualTables,
    }
    for (const [controller, { queue }] of Object.entries(controllers))
      metrics.queueDepth.set({ controller }, queue.depth)
    const staleMs = this.#watches.stalenessMs
    if (Number.isFinite(staleMs)) metrics.watchStaleness.set(staleMs / 1000)
    metrics.unseenJobs.set(this.#master === null ? this.#watches.caches.syncJobs.size : this.#unseen.size)
    metrics.sourceLimit.reset()
    metrics.sourceLeased.reset()
    for (const { namespace, source, unit, limit, holders } of this.#master?.limits() ?? []) {
      metrics.sourceLimit.set({ namespace, source, unit }, limit)
      const leased = holders.reduce((sum, { rate }) => sum + rate, 0)
      metrics.sourceLeased.set({ namespace, source, unit }, leased)
    }
    observeShares(this.shares(), metrics)
    observeScaling(this.#autoscaler.decisions(), metrics)
    observeJobs(this.#watches.caches.syncJobs.values(), metrics)
  }

  /** How jobs are shared by their workers; none while this one does not lead. */
  shares(): Map<string, JobShares> {
    return this.#master?.shares() ?? new Map()
  }

  /** The answer to a worker's heartbeat; a text: why it may not say this; null: not while this one does not lead. */
  answer(sender: PodIdentity, heartbeat: Heartbeat): HeartbeatAnswer | string | null {
    const answer = this.#master?.answer(sender, heartbeat) ?? null
    if (answer !== null && typeof answer !== 'string') this.#autoscaler.heard(heartbeat)
    return answer
  }

  /** Reads the cluster and keeps up with it until the signal aborts, so that this one can lead at once. */
  standBy(signal: AbortSignal): Promise<void> {
    return this.#watches.run(signal)
  }

  /** Leads until the signal aborts and the reconciles in hand have ended; standBy() runs meanwhile. */
  async lead(signal: AbortSignal): Promise<void> {
    // The server that the watches of a stand-by were connected to may be gone together with the one who led.
    if (this.hasSynced) this.#watches.renew()
    // Before all is known, what is not there yet would be taken for missing.
    await this.#watches.synced(signal)
    if (signal.aborted) return
    const { clock, term = () => 1 } = this.#options
    this.#master = new Master({ caches: this.#watches.caches, clock, term: term() })
    this.#lookAtAll()
    await Promise.all([
      this.#syncJobs.run(signal),
      this.#dataSources.run(signal),
      this.#virtualTables.run(signal),
      this.#autoscaler.run(signal),
      this.#sleepers.run(signal),
      this.#resync(signal),
      this.#tickMaster(signal),
    ])
    this.#master = null
    await this.#events.flush()
  }

  /** Leads from the start. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.standBy(signal), this.lead(signal)])
  }

  #lookAtAll(): void {
    const { syncJobs, dataSources, virtualTables } = this.#watches.caches
    for (const each of dataSources.values()) this.#dataSources.queue.add(objectKey(each))
    for (const each of virtualTables.values()) this.#virtualTables.queue.add(objectKey(each))
    for (const { key, priority } of firstLooks(syncJobs.values(), this.#late.take())) {
      this.#unseen.add(key)
      this.#syncJobs.queue.add(key, priority)
    }
  }

  async #resync(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    while (!signal.aborted) {
      await clock.sleep(resyncIntervalMs, signal)
      for (const job of this.#watches.caches.syncJobs.values())
        this.#syncJobs.queue.add(objectKey(job), 'low')
    }
  }

  /** Workers that say nothing any more are known by the time that goes by. */
  async #tickMaster(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(masterTickMs, signal)
      this.#master?.tick()
    }
  }

  /** Which jobs, sources and tables have to be looked at because this changed. */
  #changed(change: Change<KubeObject>): void {
    const { object } = change
    const key = objectKey(object)
    switch (object.kind) {
      case 'SyncJob':
        if (change.type === 'deleted') this.#master?.jobGone(object as SyncJobObject)
        // One who stands by sees by the job itself whether anybody has acted on its change.
        if (this.#master !== null) this.#syncJobs.queue.add(key)
        return
      case 'DataSource':
        if (this.#master !== null) this.#dataSources.queue.add(key)
        for (const table of tablesOfDataSource(key, this.#watches.caches)) this.#lookAtTable(table)
        return this.#lookAtJobsOf(key)
      case 'VirtualTable':
        this.#lookAtTable(key)
        return this.#lookAtJobsOf(dataSourceKeyOf(object as CustomObject))
      default:
        if (object.kind === 'Pod' && change.type === 'deleted') this.#podGone(object as Pod)
        return this.#lookAtOwner(object)
    }
  }

  #podGone(pod: Pod): void {
    this.#reports.forget(pod)
    this.#master?.podGone(pod)
    this.#autoscaler.podGone(pod)
  }

  #lookAtTable(key: string): void {
    if (this.#master !== null) this.#virtualTables.queue.add(key)
  }

  #lookAtJobsOf(dataSourceKey: string): void {
    for (const job of this.#watches.caches.syncJobs.indexed('dataSource', dataSourceKey)) this.#lookAtJob(job)
  }

  /** The job that an object with our label belongs to. */
  #lookAtOwner(object: KubeObject): void {
    for (const key of jobKeyOf(object))
      for (const job of this.#watches.caches.syncJobs.indexed('job', key)) this.#lookAtJob(job)
  }

  #lookAtJob(job: SyncJobObject): void {
    const key = objectKey(job)
    if (this.#master !== null) this.#syncJobs.queue.add(key)
    else if (this.hasSynced) this.#late.note(key)
  }
}
