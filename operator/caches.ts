// Everything the operator knows of the cluster: one reflector per kind, and the indexes its reconcilers look
// things up by. Of the built-in kinds only what carries our label is watched, so memory follows the number of
// SyncJobs and not the size of the cluster. Secrets are not among them.
import type { Clock } from '#common/clock.ts'
import type { Logger } from '#common/logger.ts'
import type { KubeClient } from './kube/client.ts'
import type { Change, ObjectCache } from './kube/object-cache.ts'
import { namespacedName } from './kube/object.ts'
import type { KubeObject, ResourceType } from './kube/object.ts'
import { Reflector } from './kube/reflector.ts'
import type { ReflectorOptions } from './kube/reflector.ts'
import {
  configMapType,
  dataSourceType,
  deploymentType,
  jobType,
  networkPolicyType,
  podDisruptionBudgetType,
  podType,
  serviceAccountType,
  syncJobType,
  virtualTableType,
} from './resources.ts'
import type {
  ConfigMap,
  CustomObject,
  Deployment,
  Job,
  NetworkPolicy,
  Pod,
  PodDisruptionBudget,
  ServiceAccount,
  SyncJobObject,
} from './resources.ts'
import { checkIndex, runningChecks } from './sync-job/check-turns.ts'
import { jobIndexKey, jobKeyOf, managedBy, managedByLabel } from './sync-job/names.ts'

export interface Caches {
  /** Indexed by `dataSource`, the DataSources a job refers to, and by `job` as below. */
  syncJobs: ObjectCache<SyncJobObject>
  /** Indexed by `namespace`. */
  dataSources: ObjectCache<CustomObject>
  /** Indexed by `namespace`. */
  virtualTables: ObjectCache<CustomObject>
  deployments: ObjectCache<Deployment>
  serviceAccounts: ObjectCache<ServiceAccount>
  disruptionBudgets: ObjectCache<PodDisruptionBudget>
  /** Null: the operator makes none, and has no right to look. */
  networkPolicies: ObjectCache<NetworkPolicy> | null
  /** These three are indexed by `job`: see jobIndexKey in sync-job/names.ts; Jobs also as check-turns.ts says. */
  configMaps: ObjectCache<ConfigMap>
  pods: ObjectCache<Pod>
  jobs: ObjectCache<Job>
}

export interface WatchOptions {
  client: KubeClient
  /** Undefined: all namespaces. */
  namespace?: string | undefined
  /** Whether there are policies of ours to look at. */
  networkPolicies: boolean
  clock: Clock
  logger: Logger
  /** Hears every change of every kind. */
  onChange: (change: Change<KubeObject>) => void
}

export class Watches {
  readonly caches: Caches
  readonly #reflectors: Reflector<never>[] = []

  constructor(options: WatchOptions) {
    const watch = <T extends KubeObject>(
      type: ResourceType<T>,
      extra: Pick<ReflectorOptions<T>, 'labelSelector' | 'indexers'>,
    ): ObjectCache<T> => {
      const reflector = new Reflector<T>({ ...options, ...extra, type })
      this.#reflectors.push(reflector as unknown as Reflector<never>)
      return reflector.cache
    }
    const byNamespace = { namespace: ({ metadata }: KubeObject) => [metadata.namespace ?? ''] }
    const labelSelector = `${managedByLabel}=${managedBy}`
    const byJob = { labelSelector, indexers: { job: jobKeyOf } }
    this.caches = {
      syncJobs: watch(syncJobType, {
        indexers: { dataSource: dataSourceKeysOf, job: job => [jobIndexKey(job)] },
      }),
      dataSources: watch(dataSourceType, { indexers: byNamespace }),
      virtualTables: watch(virtualTableType, { indexers: byNamespace }),
      deployments: watch(deploymentType, { labelSelector }),
      serviceAccounts: watch(serviceAccountType, { labelSelector }),
      disruptionBudgets: watch(podDisruptionBudgetType, { labelSelector }),
      networkPolicies: options.networkPolicies ? watch(networkPolicyType, { labelSelector }) : null,
      configMaps: watch(configMapType, byJob),
      pods: watch(podType, byJob),
      jobs: watch(jobType, { labelSelector, indexers: { job: jobKeyOf, [runningChecks]: checkIndex } }),
    }
  }

  get hasSynced(): boolean {
    return this.#reflectors.every(({ hasSynced }) => hasSynced)
  }

  /** Age of the oldest word about any kind, ms. */
  get stalenessMs(): number {
    return Math.max(...this.#reflectors.map(({ stalenessMs }) => stalenessMs))
  }

  /** Resolves once every kind was listed, or the signal aborts. */
  async synced(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>(resolve =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    )
    await Promise.race([aborted, Promise.all(this.#reflectors.map(({ synced }) => synced))])
  }

  /** Goes on from where each watch is, over new connections: those there are may be dead. */
  renew(): void {
    for (const reflector of this.#reflectors) reflector.renew()
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map(reflector => reflector.run(signal)))
  }
}

/** The DataSources a job names, as far as its spec can be read at all. */
export function dataSourceKeysOf(job: SyncJobObject): string[] {
  const spec = (job.spec ?? {}) as Partial<Record<'source' | 'target', { name?: unknown } | null>>
  const names = [spec.source?.name, spec.target?.name].filter(name => typeof name === 'string')
  return names.map(name => namespacedName(job.metadata.namespace, name))
}

/** The DataSource a VirtualTable describes an object of. */
export function dataSourceKeyOf(table: CustomObject): string {
  const spec = (table.spec ?? {}) as { source?: { name?: unknown } | null }
  return namespacedName(table.metadata.namespace, String(spec.source?.name))
}
