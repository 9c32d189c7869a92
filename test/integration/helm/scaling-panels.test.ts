// The panels of the chart's dashboards about workers that share a job and about their number, asked of a real Prometheus that
// scrapes an operator with such a job. Those about everything else are asked on a cluster (test/e2e/sync-job.test.ts).
import { systemClock } from '#common/clock.ts'
import type { Heartbeat } from '#api/heartbeat.ts'
import type { ListeningServer } from '#common/listen.ts'
import { startOperatorHttp } from '#operator/http-server.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { startPrometheus } from '#test/bed/prometheus.ts'
import type { BedPrometheus } from '#test/bed/prometheus.ts'
import { requires } from '#test/bed/requires.ts'
import { aboutSharing, untilPanelsHaveData } from '#test/e2e/chart-monitoring.ts'
import { overloadedHeartbeat } from '#test/api/sample-heartbeat.ts'
import { MasterBed } from '#test/operator/heartbeat/master-bed.ts'
import { eventually } from '#test/operator/manual-clock.ts'
import { collections } from '#test/operator/sync-job/fixtures.ts'

/** Waits take a hundredth of their time. */
const hastyClock = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal),
}
const pods = ['job-0-one', 'job-0-two']

describe('panels about several workers', () => {
  requires('prometheus')
  let bed: MasterBed
  let http: ListeningServer
  let prometheus: BedPrometheus

  before(async function () {
    this.timeout(60_000)
    bed = await MasterBed.create({ recordsPerSecond: 1e6 }, ['normal'], hastyClock)
    bed.removePod('job-0-pod')
    for (const name of pods) bed.startPod('job-0', { name, shared: true })
    const { store } = bed.server
    const job = store.get(collections.syncJobs, 'shop', 'job-0') as KubeObject & { spec: object }
    const autoscaling = { minReplicas: 2, maxReplicas: 3 }
    store.update(collections.syncJobs, { ...job, spec: { ...job.spec, autoscaling } } as KubeObject)
    await bed.start(1)
    const { metrics, operator } = bed
    http = await startOperatorHttp({
      host: '127.0.0.1',
      port: 0,
      metrics,
      notReady: () => null,
      observe: () => operator.observe(),
    })
    const scrape = { job_name: 'operator', static_configs: [{ targets: [`127.0.0.1:${http.port}`] }] }
    prometheus = await startPrometheus({
      scrapeIntervalMs: 200,
      scrapes: [{ ...scrape, honor_labels: true }],
    })
  })

  after(async function () {
    this.timeout(30_000)
    await prometheus?.stop()
    await http?.close()
    await bed?.close()
  })

  it('have data while the number of workers changes, and one of them is lost', async () => {
    let number = 0
    const speak = (names: readonly string[]): void => {
      number++
      for (const name of names)
        bed.operator.answer(bed.identityOf(name)!, overloaded(name, pods.indexOf(name), number))
    }
    await eventually('a decision for three', () => {
      speak(pods)
      const deployment = bed.server.store.find(collections.deployments, 'shop', 'job-0-worker')
      return (deployment as { spec?: { replicas?: number } } | undefined)?.spec?.replicas === 3
    })
    bed.removePod(pods[1]!)
    const talking = setInterval(() => speak([pods[0]!]), 200)
    try {
      await untilPanelsHaveData(prometheus, { job: 'shop/job-0' }, aboutSharing, 30_000)
    } finally {
      clearInterval(talking)
    }
  }).timeout(60_000)
})

/** Each of two workers reads four of eight splits. */
function overloaded(worker: string, half: number, number: number): Heartbeat {
  const splits = Array.from({ length: 4 }, (_, split) => `s${half * 4 + split}`)
  return { ...overloadedHeartbeat(worker, splits), number }
}
