// A cluster with Sluice on it, a Kafka broker with two topics that are kept busy, and a job `web-to-lake` between it and
// a lake, which several workers share.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '#common/clock.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openStore } from '#lake/storage/open.ts'
import { parseInstantFileName } from '#lake/timeline/instant-file.ts'
import { parseInstant } from '#lake/timeline/instant.ts'
import type { BedKafka } from '#test/bed/kafka.ts'
import { startKafka } from '#test/bed/kafka.ts'
import { Random } from '#test/integration/sync/random.ts'
import { hashOfWeb, virtualTables, Web, webColumns } from '#test/integration/sync/web.ts'
import { SluiceCluster } from './sluice-cluster.ts'

export class WebCluster extends SluiceCluster {
  broker!: BedKafka
  web!: Web
  #clicks!: ObjectStore

  constructor() {
    super('web', 'web-to-lake')
  }

  override async start(): Promise<void> {
    await super.start()
    this.broker = await startKafka({ host: this.cluster.nodeIp })
    this.web = await Web.open(this.broker.brokers, new Random(1))
    const { endpoint, accessKey, secretKey, region } = this.minio
    this.#clicks = await openStore('s3://lake/ods/clicks', {
      clock: systemClock,
      s3: {
        endpoint,
        region,
        pathStyle: true,
        credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
      },
    })
  }

  override async stop(): Promise<void> {
    await this.#clicks?.close()
    await this.web?.close()
    await super.stop()
    await this.broker?.stop()
  }

  resources(more: string): string {
    return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: events}
spec:
  type: kafka
  kafka: {brokers: ["${this.broker.brokers[0]}"]}
${virtualTables()}${this.lakeSecret()}${this.lakeSource()}---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: ${this.job}}
spec:
  source: {name: events}
  target: {name: lake}
  tables: [{include: clicks}, {include: pages}]
  freshness: 1s
${more}`
  }

  /** Waits until both tables hold what was produced. @throws when they never do, with what differs */
  async expectSameRows(limitMs = 90_000): Promise<void> {
    const sources = {
      clicks: hashOfWeb(await this.web.recordedClicks()),
      pages: hashOfWeb(this.web.pages.values()),
    }
    for (const [table, source] of Object.entries(sources)) {
      expect(source.count, `rows of ${table}`).to.be.greaterThan(1000)
      for (const end = Date.now() + limitMs; ; await delay(2000)) {
        const same = this.expectRows(table, webColumns, source)
        if (Date.now() > end) await same
        else if (await same.then(() => true).catch(() => false)) break
      }
    }
  }

  /** How many splits each worker reads, by what it tells Prometheus. */
  async splitsByWorker(): Promise<number[]> {
    const pods = await this.workerPods()
    return Promise.all(
      pods.map(async ({ status: { podIP } }) => {
        const answer = await fetch(`http://${podIP}:9464/metrics`).catch(() => null)
        const text = (await answer?.text()) ?? ''
        return new Set(text.match(/^sluice_split_lag_seconds\{[^}]*split="[^"]*"/gm)).size
      }),
    )
  }

  /** The longest time, in ms, between two commits to `clicks`, from then to the last commit. */
  async longestPauseMs(sinceMs: number): Promise<number> {
    const folder = '.hoodie/timeline/'
    const times = [sinceMs]
    for await (const { path } of this.#clicks.list(folder)) {
      const file = parseInstantFileName(path.slice(folder.length))
      if (file?.action !== 'commit' || file.completionTime === null) continue
      const atMs = parseInstant(file.completionTime)
      if (atMs > sinceMs) times.push(atMs)
    }
    times.sort((a, b) => a - b)
    return Math.max(0, ...times.slice(1).map((atMs, index) => atMs - times[index]!))
  }
}
