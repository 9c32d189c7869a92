// A cluster with Sluice on it, a Kafka topic of wide records that come at the rate one says, and an autoscaled job
// `orders-to-lake` whose workers have a tenth of a core each: so a laptop's producer is more than one of them can follow.
import type { Producer } from 'kafkajs'
import { CompressionTypes, Kafka, Partitioners, logLevel } from 'kafkajs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseDuration } from '#api/duration.ts'
import type { SyncJobStatus } from '#api/sync-job.ts'
import { RowHash } from '#test/bed/canonical.ts'
import type { BedKafka } from '#test/bed/kafka.ts'
import { startKafka } from '#test/bed/kafka.ts'
import { SluiceCluster } from './sluice-cluster.ts'

/** Besides `id`. */
const wideColumns = Array.from({ length: 40 }, (_, at) => `c${at}`)
/** As JSON, without the braces. */
const wide = wideColumns.map(name => `"${name}":"some text of column ${name}"`).join()
const partitions = 12
const tickMs = 100

export class OrdersCluster extends SluiceCluster {
  broker!: BedKafka
  /** What comes in from now on. */
  recordsPerSecond = 0
  #producer!: Producer
  #sent = 0
  readonly #stop = new AbortController()
  #traffic: Promise<void> | undefined

  constructor() {
    super('orders', 'orders-to-lake')
  }

  override async start(): Promise<void> {
    await super.start()
    this.broker = await startKafka({ host: this.cluster.nodeIp })
    const kafka = new Kafka({ clientId: 'orders', brokers: this.broker.brokers, logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    const topics = [
      { topic: 'orders', numPartitions: partitions },
      { topic: 'notes', numPartitions: 2 },
    ]
    await admin.createTopics({ waitForLeaders: true, topics })
    await admin.disconnect()
    this.#producer = kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await this.#producer.connect()
    this.#traffic = this.#produce()
  }

  override async stop(): Promise<void> {
    this.#stop.abort()
    await this.#traffic?.catch(() => undefined)
    await this.#producer?.disconnect()
    await super.stop()
    await this.broker?.stop()
  }

  resources(): string {
    const columns = wideColumns.map(name => `{name: ${name}, type: string}`).join(', ')
    return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: events}
spec:
  type: kafka
  kafka: {brokers: ["${this.broker.brokers[0]}"]}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualTable
metadata: {name: orders}
spec:
  source: {name: events, object: orders}
  columns: [{name: id, type: int64}, ${columns}]
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualTable
metadata: {name: notes}
spec:
  source: {name: events, object: notes}
  columns: [{name: id, type: int64}, {name: note, type: string}]
${this.lakeSecret()}${this.lakeSource()}`
  }

  /** `scaling`: of the SyncJob's spec, as YAML. */
  syncJob(scaling: string): string {
    return `
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: ${this.job}}
spec:
  source: {name: events}
  target: {name: lake}
  tables: [{include: orders}]
  freshness: 2s
  worker:
    lanes: 1
    bufferSize: 32Mi
    resources: {requests: {cpu: 50m, memory: 192Mi}, limits: {cpu: 100m, memory: 512Mi}}
  ${scaling}`
  }

  async status(): Promise<SyncJobStatus> {
    return (await this.get<{ status: SyncJobStatus }>('syncjob', this.job)).status
  }

  /** Of the oldest change that is not in the lake, ms. */
  async lagMs(): Promise<number> {
    return parseDuration((await this.status()).lag ?? '0s')
  }

  async readyWorkers(): Promise<number> {
    const containers = (await this.workerPods()).map(({ status }) => status.containerStatuses?.[0])
    return containers.filter(container => container?.ready === true).length
  }

  /** What happened to the job by this action, as `reason: message`. */
  async events(action: string): Promise<string[]> {
    const { items } = await this.get<{ items: { reason: string; note: string; action: string }[] }>(
      'events.events.k8s.io',
    )
    return items.filter(event => event.action === action).map(({ reason, note }) => `${reason}: ${note}`)
  }

  /** Waits until the lake holds each record once. @throws when it never does */
  async expectAllOnce(): Promise<void> {
    const hash = new RowHash()
    for (let id = 0; id < this.#sent; id++) hash.add({ id, c0: 'some text of column c0' })
    await this.untilRows('orders', ['id', 'c0'], hash.result)
  }

  /** A record for the topic of another job. */
  async note(note: { id: number; note: string }): Promise<void> {
    await this.#producer.send({ topic: 'notes', messages: [{ value: JSON.stringify(note) }] })
  }

  /** Until stop(). */
  async #produce(): Promise<void> {
    let owed = 0
    for (let lastMs = performance.now(); !this.#stop.signal.aborted; await delay(tickMs)) {
      const nowMs = performance.now()
      owed = Math.min(this.recordsPerSecond, owed + (this.recordsPerSecond * (nowMs - lastMs)) / 1000)
      lastMs = nowMs
      const count = Math.floor(owed)
      owed -= count
      if (count === 0) continue
      const messages = Array.from({ length: count }, () => ({ value: `{"id":${this.#sent++},${wide}}` }))
      await this.#producer.send({ topic: 'orders', compression: CompressionTypes.GZIP, messages })
    }
  }
}
