// What may befall a job that several workers share, while records come in: a worker is killed, topics get more partitions,
// the broker is killed, the operator that leads is killed. After each the lake holds the records of the topics, none lost
// and none twice. How long nothing was committed is printed.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { masterPort } from '#api/heartbeat.ts'
import { workerHttpPort } from '#api/worker-status.ts'
import { requires } from '#test/bed/requires.ts'
import { placeOf, reachable, stranger, strangerPort } from './connections.ts'
import { modestResources } from './sluice-cluster.ts'
import { WebCluster } from './web-cluster.ts'

const workers = 3

describe('A SyncJob that several workers share', function () {
  this.timeout(300_000)
  requires('kafka', 'minio', 'hudi-rs', 'namespace', 'monitoring-crds')
  const bed = new WebCluster()

  before(async () => {
    await bed.start()
    await bed.install()
    await bed.createNamespace()
    await bed.apply(
      bed.resources(
        `  worker: {lanes: 1, resources: ${modestResources}}\n  autoscaling: {minReplicas: ${workers}, maxReplicas: ${workers}}`,
      ),
    )
    await bed.untilReady('True Streaming', 180_000)
  })
  after(() => bed.stop())

  /** Does it while records come in, and compares when the lake has everything. */
  async function through(what: string, trouble: () => Promise<void>): Promise<void> {
    const startedAtMs = Date.now()
    const before = bed.web.clicks.length
    const stop = new AbortController()
    const traffic = bed.web.run(stop.signal)
    traffic.catch(() => undefined)
    try {
      await delay(2000)
      await trouble()
      await delay(2000)
    } finally {
      stop.abort()
      await traffic
    }
    expect(bed.web.clicks.length - before, 'records meanwhile').to.be.greaterThan(1000)
    await bed.expectSameRows()
    const pause = await bed.longestPauseMs(startedAtMs)
    console.log(
      `      ${what}: ${bed.web.clicks.length - before} clicks, at most ${pause / 1000} s without a commit`,
    )
  }

  /** Until each partition has one reader, and each worker some of them. */
  const shared = (partitions: number): Promise<void> =>
    bed.until(`${partitions} partitions over ${workers} workers`, async () => {
      const splits = await bed.splitsByWorker()
      const sum = splits.reduce((total, count) => total + count, 0)
      return splits.length === workers && sum === partitions && Math.max(...splits) - Math.min(...splits) <= 1
    })

  it('reads with all of its workers', async () => {
    await through('begun', () => shared(7))
  })

  it('reaches its two ends and the operator, and only the operator reaches its workers', async () => {
    await bed.apply(stranger('one') + stranger('two'))
    await bed.kubectl(
      'wait',
      '-n',
      bed.namespace,
      '--for=condition=Ready',
      'pod/one',
      'pod/two',
      '--timeout=60s',
    )
    const worker = await reachable(bed, bed.namespace, 'app.kubernetes.io/component=worker')
    const operator = await reachable(bed, 'sluice-system', 'app.kubernetes.io/component=operator')
    const one = await reachable(bed, bed.namespace, 'app=one')
    const two = await reachable(bed, bed.namespace, 'app=two')
    const broker = placeOf(`kafka://${bed.broker.brokers[0]}`)
    const apiServer = placeOf(await bed.apiServer())
    const ways: [from: string, to: string, opens: boolean, tried: Promise<boolean>][] = [
      ['worker', 'broker', true, worker.reaches(broker)],
      ['worker', 'object store', true, worker.reaches(placeOf(bed.minio.endpoint))],
      ['worker', 'operator, heartbeats', true, worker.reaches(operator.at(masterPort))],
      ['worker', 'operator, metrics', false, worker.reaches(operator.at(workerHttpPort))],
      ['worker', 'API server', false, worker.reaches(apiServer)],
      ['worker', 'stranger', false, worker.reaches(one.at(strangerPort))],
      ['operator', 'API server', true, operator.reaches(apiServer)],
      ['operator', 'worker', true, operator.reaches(worker.at(workerHttpPort))],
      ['operator', 'broker', false, operator.reaches(broker)],
      ['operator', 'stranger', false, operator.reaches(one.at(strangerPort))],
      ['stranger', 'stranger', true, one.reaches(two.at(strangerPort))],
      ['stranger', 'worker', false, one.reaches(worker.at(workerHttpPort))],
      ['stranger', 'operator, heartbeats', false, one.reaches(operator.at(masterPort))],
      ['stranger', 'operator, metrics', false, one.reaches(operator.at(workerHttpPort))],
    ]
    const opened = await Promise.all(ways.map(([, , , tried]) => tried))
    const told = (opens: readonly boolean[]): string[] =>
      ways.map(([from, to], at) => `${from} to ${to}: ${opens[at] === true ? 'open' : 'shut'}`)
    expect(told(opened)).to.deep.equal(told(ways.map(([, , opens]) => opens)))
  })

  it('survives the death of a worker', async () => {
    await through('worker killed', async () => {
      await bed.killWorker()
      await bed.until('another process', async () => (await bed.workerRestarts()) === 1)
      await shared(7)
    })
  })

  it('reads partitions that come while it runs', async () => {
    await through('partitions 7 to 24', async () => {
      await bed.web.grow(12)
      await shared(24)
    })
  })

  it('survives the death of the broker', async () => {
    await through('broker killed', async () => {
      await bed.broker.kill9()
      await delay(5000)
      await bed.broker.restart()
      await bed.untilReady('True Streaming')
    })
  })

  it('moves nothing when the operator that leads dies', async () => {
    await through('leader killed', async () => {
      const leader = await bed.leader()
      await bed.kubectl('delete', 'pod', '-n', 'sluice-system', leader, '--grace-period=0', '--force')
      await bed.until('another leads', async () => ![leader, ''].includes(await bed.leader()))
      await shared(24)
    })
  })
})
