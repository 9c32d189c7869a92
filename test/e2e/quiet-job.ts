// A job that is idle, beside the one that a file is about: it falls asleep meanwhile, as soon as it may.
import type { SyncJobStatus } from '#api/sync-job.ts'
import { probedJobs } from '#operator/autoscale/probe-job.ts'
import type { Job } from '#operator/resources.ts'
import { modestResources } from './sluice-cluster.ts'
import type { SluiceCluster } from './sluice-cluster.ts'

interface Look extends Job {
  status?: Job['status'] & { succeeded?: number }
}

export class QuietJob {
  readonly name: string
  readonly #bed: SluiceCluster

  constructor(bed: SluiceCluster, name: string) {
    this.#bed = bed
    this.name = name
  }

  /** `table`: as its DataSource calls it; in the lake it has the name of the job. */
  yaml(source: string, table: string): string {
    return `
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: ${this.name}}
spec:
  source: {name: ${source}}
  target: {name: lake}
  tables: [{include: ${table}, target: {table: ${this.name}}}]
  freshness: 1s
  worker: {lanes: 1, resources: ${modestResources}}
  autoscaling: {minReplicas: 0, maxReplicas: 1, idleAfter: 1m, probeInterval: 15s}
`
  }

  async isAsleep(): Promise<boolean> {
    const { autoscaling, conditions } = await this.#status()
    const ready = conditions?.find(({ type }) => type === 'Ready')
    const isIdle = ready?.status === 'True' && ready.reason === 'Idle'
    return isIdle && autoscaling?.asleep !== undefined && (await this.#workers()) === 0
  }

  async untilAsleep(): Promise<void> {
    await this.#bed.until(`${this.name} is asleep`, () => this.isAsleep())
  }

  /** Until a pod that was not there before has looked for it, and for these others, and found nothing. */
  async untilLookedAt(...others: readonly QuietJob[]): Promise<void> {
    const names = [this, ...others].map(({ name }) => name)
    const before = new Set((await this.#looks()).map(({ metadata }) => metadata.name))
    await this.#bed.until(`one pod looked for ${names.join(' and ')}`, async () =>
      (await this.#looks()).some(look => {
        const isNew = !before.has(look.metadata.name)
        return isNew && look.status?.succeeded === 1 && names.every(name => probedJobs(look).includes(name))
      }),
    )
  }

  /** Until it has a worker again. Resolves to what the operator says why. */
  async untilAwake(): Promise<string> {
    await this.#bed.until(`${this.name} is awake`, async () => {
      const { autoscaling } = await this.#status()
      return autoscaling?.desiredReplicas === 1 && (await this.#workers()) === 1
    })
    const { items } = await this.#bed.get<{ items: { note: string; regarding: { name: string } }[] }>(
      'events.events.k8s.io',
    )
    const notes = items.filter(({ regarding }) => regarding.name === this.name).map(({ note }) => note)
    return notes.filter(note => note.startsWith('Scaled from 0 to 1')).join('\n')
  }

  async delete(): Promise<void> {
    await this.#bed.kubectl('delete', 'syncjob', this.name, '-n', this.#bed.namespace, '--timeout=120s')
  }

  async #status(): Promise<SyncJobStatus> {
    return (
      (await this.#bed.get<{ status?: SyncJobStatus }>('syncjob', this.name)).status ?? ({} as SyncJobStatus)
    )
  }

  async #workers(): Promise<number> {
    const labels = `app.kubernetes.io/component=worker,sluice.dev/job=${this.name}`
    return (await this.#bed.get<{ items: unknown[] }>('pods', '-l', labels)).items.length
  }

  /** Jobs whose pods look at the sources of idle jobs. */
  async #looks(): Promise<Look[]> {
    const labels = 'app.kubernetes.io/component=probe'
    return (await this.#bed.get<{ items: Look[] }>('jobs', '-l', labels)).items
  }
}
