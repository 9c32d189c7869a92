// A job whose load rises and falls: as many worker pods as it takes, first by the operator's own decision, then by that of
// a HorizontalPodAutoscaler. The lake holds each record once, whoever read it.
import { expect } from 'chai'
import { hashRows } from '#test/bed/canonical.ts'
import { requires } from '#test/bed/requires.ts'
import { ExternalMetric } from './external-metric.ts'
import { OrdersCluster } from './orders-cluster.ts'
import { QuietJob } from './quiet-job.ts'

const maxReplicas = 4
const maxLagMs = 10_000
/** What a tenth of a core reads on any machine. */
const firstPerSecond = 1500
/** How the load rises until more workers are wanted: by a fifth every few seconds, as machines differ in speed. */
const rise = { factor: 1.2, everyMs: 5000 }
/** Of the load at which more were wanted: what comes in from then on, so that a few workers can also catch up. */
const held = 0.75

/** What an operator of before has learned: the sooner workers start, the sooner it pays to have fewer of them. */
const learned = { capacityPerLane: 6000, spreadPercent: 0, startUp: '5s', patiencePercent: 100 }

const automatic = `autoscaling: {minReplicas: 1, maxReplicas: ${maxReplicas}, maxLag: ${maxLagMs / 1000}s}`
const manual = automatic.replace('{', '{mode: Manual, ')

const horizontalPodAutoscaler = (job: string): string => `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: ${job}}
spec:
  scaleTargetRef: {apiVersion: sluice.dev/v1alpha1, kind: SyncJob, name: ${job}}
  minReplicas: 1
  maxReplicas: ${maxReplicas}
  metrics:
    - type: External
      external: {metric: {name: orders_waiting}, target: {type: AverageValue, averageValue: "1000"}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
`

describe('An autoscaled SyncJob', function () {
  this.timeout(900_000)
  requires('kafka', 'minio', 'hudi-rs', 'namespace', 'monitoring-crds')
  const bed = new OrdersCluster()
  const quiet = new QuietJob(bed, 'notes')
  const notes = [
    { id: 1, note: 'one' },
    { id: 2, note: 'two' },
  ]

  before(async () => {
    await bed.start()
    await bed.install()
    await bed.createNamespace()
    await bed.apply(`${bed.resources()}---${bed.syncJob(`${automatic}\n  suspend: true`)}`)
    await bed.untilReady('False Suspended')
    const status = { autoscaling: { desiredReplicas: 1, reason: 'Steady', message: 'As before.', learned } }
    const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]
    await bed.kubectl('patch', 'syncjob', bed.job, '-n', bed.namespace, ...patch)
    await bed.apply(bed.syncJob(automatic))
    await bed.untilReady('True Streaming', 180_000)
    // It falls asleep while the other one is busy.
    await bed.note(notes[0]!)
    await bed.apply(quiet.yaml('events', 'notes'))
  })
  after(() => bed.stop())

  const workersAre = (count: number) => async (): Promise<boolean> =>
    (await bed.workerPods()).length === count && (await bed.readyWorkers()) === count

  it('gets more workers when more comes in than one can read, and its lag returns below maxLag', async () => {
    await bed.until('one worker is there', workersAre(1))
    bed.recordsPerSecond = firstPerSecond
    let roseAtMs = Date.now()
    let wanted = 1
    let mostLagMs = 0
    await bed.until(
      'more workers are wanted',
      async () => {
        if (Date.now() - roseAtMs > rise.everyMs) {
          bed.recordsPerSecond *= rise.factor
          roseAtMs = Date.now()
        }
        wanted = (await bed.status()).autoscaling?.desiredReplicas ?? 1
        mostLagMs = Math.max(mostLagMs, await bed.lagMs())
        return wanted > 1
      },
      240_000,
    )
    const perSecond = Math.round(bed.recordsPerSecond)
    bed.recordsPerSecond *= held
    expect(wanted).to.be.at.most(maxReplicas)
    await bed.until('they are there', async () => (await bed.readyWorkers()) >= wanted)
    const below = async (): Promise<boolean> => {
      const lagMs = await bed.lagMs()
      mostLagMs = Math.max(mostLagMs, lagMs)
      return lagMs < maxLagMs
    }
    await bed.until('the lag is below maxLag', below, 360_000)
    const { autoscaling } = await bed.status()
    console.log(
      `      at ${perSecond} records/s ${wanted} wanted, at most ${mostLagMs / 1000} s behind; ${autoscaling?.message}`,
    )
    expect((await bed.events('Scale')).join('\n')).to.match(
      /(LagAhead|AtMaximum): Scaled from 1 to [234] workers/,
    )
  })

  it('gives them back when less comes in, and holds each record once', async () => {
    bed.recordsPerSecond = 0
    await bed.until(
      'one worker is wanted',
      async () => (await bed.status()).autoscaling?.desiredReplicas === 1,
      600_000,
    )
    await bed.until('one worker is there', workersAre(1))
    expect((await bed.events('Scale')).join('\n')).to.match(/Surplus: Scaled from [234] to [123] workers?/)
    await bed.untilReady('True Streaming')
    await bed.expectAllOnce()
  })

  it('has as many as a HorizontalPodAutoscaler says, where the operator decides nothing', async () => {
    await bed.apply(bed.syncJob(`${manual}\n  replicas: 1`))
    const metric = await ExternalMetric.serve(bed, 'orders_waiting')
    try {
      metric.value = 2000
      bed.recordsPerSecond = 500
      await bed.apply(horizontalPodAutoscaler(bed.job))
      await bed.until('two workers', workersAre(2))
      metric.value = 100
      await bed.until('one worker', workersAre(1))
      const [scaler] = (
        await bed.get<{ items: { status: { conditions: { type: string; status: string }[] } }[] }>('hpa')
      ).items
      const holds = Object.fromEntries(scaler!.status.conditions.map(({ type, status }) => [type, status]))
      expect(holds).to.include({ AbleToScale: 'True', ScalingActive: 'True' })
    } finally {
      await metric.stop()
    }
    bed.recordsPerSecond = 0
    await bed.expectAllOnce()
  })

  it('has no worker for a job that is idle, and one when there is a record for it, which the lake holds once', async () => {
    await quiet.untilAsleep()
    await quiet.untilLookedAt()
    expect(await quiet.isAsleep()).to.equal(true)
    await bed.note(notes[1]!)
    expect(await quiet.untilAwake()).to.match(/^Scaled from 0 to 1 worker\. /)
    await bed.untilRows(quiet.name, ['id', 'note'], hashRows(notes))
  })
})
