// What a cluster would make of the Deployment that the operator writes: as many workers as it says, each a process with a
// pod in the eyes of the operator, ready when it says so, and with no more CPU than its limit.
import { setTimeout as delay } from 'node:timers/promises'
import type { KubeObject } from '#operator/kube/object.ts'
import type { Deployment } from '#operator/resources.ts'
import { planNameOf } from '#operator/sync-job/observe.ts'
import type { FleetWorker, WorkerFleet } from '#test/integration/sync/worker-fleet.ts'
import { collections } from '#test/operator/sync-job/fixtures.ts'
import { limitCpu } from './cpu-quota.ts'

interface Running {
  worker: FleetWorker
  isReady: boolean
  free: () => Promise<void>
}

export class ProcessDeployment {
  readonly #fleet: WorkerFleet
  readonly #cores: number
  readonly #running: Running[] = []
  readonly #ending = new Set<Promise<void>>()

  constructor(fleet: WorkerFleet, cores: number) {
    this.#fleet = fleet
    this.#cores = cores
  }

  get wanted(): number {
    return this.#deployment?.spec.replicas ?? 0
  }

  get #deployment(): Deployment | undefined {
    const { store } = this.#fleet.master.server
    return store.find(collections.deployments, 'shop', 'job-0-worker') as Deployment | undefined
  }

  get ready(): number {
    return this.#running.filter(({ isReady }) => isReady).length
  }

  /** Until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { wanted } = this
      while (this.#running.length < wanted) await this.#add()
      while (this.#running.length > wanted) this.#remove()
      for (const each of this.#running) if (!each.isReady) await this.#look(each)
      await delay(500)
    }
    while (this.#running.length > 0) this.#remove()
    await Promise.all(this.#ending)
  }

  async #add(): Promise<void> {
    const worker = await this.#fleet.start(planNameOf(this.#deployment!.spec.template))
    this.#running.push({ worker, isReady: false, free: () => Promise.resolve() })
  }

  #remove(): void {
    const { worker, free } = this.#running.pop()!
    this.#ending.add(this.#fleet.stop(worker).then(free))
  }

  /** Its limit begins when it is ready: to load the code takes some seconds of CPU, which are not what is measured. */
  async #look(running: Running): Promise<void> {
    const { process, pod } = running.worker
    const status = await process.status()
    if (status?.phase !== 'streaming') return
    running.free = await limitCpu(process.pid, this.#cores)
    running.isReady = true
    const { store } = this.#fleet.master.server
    const live = store.get(collections.pods, 'shop', pod) as KubeObject & { status: object }
    const conditions = [{ type: 'Ready', status: 'True' }]
    store.update(
      collections.pods,
      { ...live, status: { ...live.status, conditions } } as KubeObject,
      'status',
    )
  }
}
