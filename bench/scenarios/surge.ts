// Eight times the load for some minutes: a real broker, the real operator over an API server stand-in, and workers that are
// processes with a twentieth of a core each. Shows what the autoscaler makes of it.
import { Kafka, Partitioners, logLevel } from 'kafkajs'
import { setTimeout as delay } from 'node:timers/promises'
import type { KubeObject } from '#operator/kube/object.ts'
import type { ScalingStatus } from '#api/autoscaling.ts'
import type { SyncJobStatus } from '#api/sync-job.ts'
import { startKafka } from '#test/bed/kafka.ts'
import { folderLake } from '#test/integration/sync/lakes.ts'
import { WorkerFleet } from '#test/integration/sync/worker-fleet.ts'
import { collections, shopDb } from '#test/operator/sync-job/fixtures.ts'
import { ProcessDeployment } from '../surge/deployment.ts'

const partitions = 12
const cores = 0.05
const maxReplicas = 6
export const maxLagMs = 60_000

export interface SurgeOptions {
  /** Records/s before and after. */
  base: number
  factor: number
  /** Before, at `factor` times the load, and after it. */
  minutes: readonly [calm: number, surge: number, after: number]
  onMoment: (moment: Moment) => void
}

export interface Moment {
  atMs: number
  inputPerSecond: number
  wanted: number
  ready: number
  lagMs: number
  /** What the operator last decided, and by which numbers. */
  decision: ScalingStatus | undefined
}

const resources = (broker: string): string => `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: events}
spec:
  type: kafka
  kafka: {brokers: ["${broker}"]}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualTable
metadata: {name: clicks}
spec:
  source: {name: events, object: clicks}
  columns: [{name: id, type: int64}, {name: page, type: string}, {name: at, type: int64}]
`

const job = `---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: events-to-lake}
spec:
  source: {name: events}
  target: {name: lake}
  tables: [{include: clicks}]
  freshness: 20s
  worker: {lanes: 1, bufferSize: 32Mi}
`

export async function surge({ base, factor, minutes, onMoment }: SurgeOptions): Promise<Moment[]> {
  const broker = await startKafka()
  const lake = await folderLake()
  const topic = await Clicks.open(broker.brokers)
  const fleet = await WorkerFleet.open(resources(broker.brokers[0]!) + lake.yaml + job)
  const { store } = fleet.master.server
  const object = () =>
    store.get(collections.syncJobs, 'shop', 'job-0') as KubeObject & { spec: object; status?: SyncJobStatus }
  const autoscaling = { minReplicas: 1, maxReplicas, maxLag: '60s' }
  const spec = { ...object().spec, autoscaling, worker: { lanes: 1 } }
  store.update(collections.syncJobs, { ...object(), spec } as KubeObject)
  // What the stand-in's own source is does not matter, but its job has to be valid.
  const source = store.get(collections.dataSources, 'shop', 'shop-db')
  store.update(collections.dataSources, { ...source, spec: shopDb().spec } as KubeObject)
  const deployment = new ProcessDeployment(fleet, cores)
  const stop = new AbortController()
  const running = [deployment.follow(stop.signal), topic.run(stop.signal)]
  const moments: Moment[] = []
  const sinceMs = performance.now()
  try {
    const [calm, high, after] = minutes.map(each => each * 60_000) as [number, number, number]
    for (let atMs = 0; atMs < calm + high + after; atMs = performance.now() - sinceMs) {
      topic.perSecond = atMs >= calm && atMs < calm + high ? base * factor : base
      const lags = (await fleet.statuses()).flatMap(({ lagMs }) => lagMs ?? [])
      const decision = object().status?.autoscaling
      const { wanted, ready } = deployment
      const lagMs = Math.max(0, ...lags)
      moments.push({ atMs, inputPerSecond: topic.perSecond, wanted, ready, lagMs, decision })
      onMoment(moments.at(-1)!)
      await delay(1000)
    }
    return moments
  } finally {
    stop.abort()
    await Promise.all(running)
    await fleet.close()
    await topic.close()
    await broker.stop()
    await lake.stop()
  }
}

/** What the job made of it, in a line. */
export function surgeFigure(moments: readonly Moment[], calmMs: number): string {
  const changes = moments.filter(({ wanted }, at) => at > 0 && wanted !== moments[at - 1]!.wanted)
  const first = changes.find(({ atMs }) => atMs >= calmMs)
  const late = moments.filter(({ lagMs }) => lagMs > maxLagMs)
  const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`
  const sizes = [moments[0]!.wanted, ...changes.map(({ wanted }) => wanted)].join(' → ')
  return [
    `workers ${sizes}`,
    `first more after ${first === undefined ? 'never' : seconds(first.atMs - calmMs)}`,
    `most lag ${seconds(Math.max(...moments.map(({ lagMs }) => lagMs)))}`,
    `above maxLag for ${late.length} s`,
    `lag at the end ${seconds(moments.at(-1)!.lagMs)}`,
  ].join('; ')
}

class Clicks {
  /** Records. */
  perSecond = 0
  #sent = 0
  readonly #close: () => Promise<void>
  readonly #send: (values: readonly string[]) => Promise<unknown>

  private constructor(send: (values: readonly string[]) => Promise<unknown>, close: () => Promise<void>) {
    this.#send = send
    this.#close = close
  }

  static async open(brokers: string[]): Promise<Clicks> {
    const kafka = new Kafka({ clientId: 'clicks', brokers, logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic: 'clicks', numPartitions: partitions }],
    })
    await admin.disconnect()
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const send = (values: readonly string[]): Promise<unknown> =>
      producer.send({ topic: 'clicks', acks: 1, messages: values.map(value => ({ value })) })
    return new Clicks(send, () => producer.disconnect())
  }

  async run(signal: AbortSignal): Promise<void> {
    let lastMs = performance.now()
    let owed = 0
    while (!signal.aborted) {
      await delay(100)
      const nowMs = performance.now()
      owed = Math.min(this.perSecond, owed + (this.perSecond * (nowMs - lastMs)) / 1000)
      lastMs = nowMs
      const count = Math.floor(owed)
      owed -= count
      const at = Date.now()
      const values = Array.from({ length: count }, () => {
        const id = this.#sent++
        return JSON.stringify({ id, page: `/products/${id % 5000}`, at })
      })
      if (count > 0) await this.#send(values)
    }
  }

  close(): Promise<void> {
    return this.#close()
  }
}
