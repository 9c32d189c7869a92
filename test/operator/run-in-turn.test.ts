import { expect } from 'chai'
import type { WorkerStatus } from '#api/worker-status.ts'
import { silentLogger } from '#common/logger.ts'
import { systemClock } from '#common/clock.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { LeaderElector } from '#operator/kube/leader-election.ts'
import type { Lease } from '#operator/kube/leader-election.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { Operator } from '#operator/operator.ts'
import type { Deployment, SyncJobObject } from '#operator/resources.ts'
import { runInTurn } from '#operator/run-in-turn.ts'
import type { AskWorker } from '#operator/sync-job/worker-reports.ts'
import { FakeApiServer } from './fake-api-server.ts'
import type { FakeRequest } from './fake-api-server.ts'
import { eventually } from './manual-clock.ts'
import { collections, lake, shopDb, shopToLake } from './sync-job/fixtures.ts'

const leases = '/apis/coordination.k8s.io/v1/leases'

/** One of several operators, as a process is. */
interface Replica {
  operator: Operator
  elector: LeaderElector
  /** As SIGTERM does. */
  stop: () => Promise<void>
  requests: () => FakeRequest[]
  /** What it tells of jobs that it has still to look at. */
  unseen: () => Promise<string | undefined>
}

describe('Operators that take turns', () => {
  let server: FakeApiServer
  let replicas: Replica[]

  beforeEach(async () => {
    server = await FakeApiServer.start()
    replicas = []
    for (const object of [shopDb(), lake(), shopToLake()])
      server.store.create(`/apis/${object.apiVersion}/${object.kind.toLowerCase()}s`, object)
  })

  afterEach(async () => {
    await Promise.all(replicas.map(({ stop }) => stop()))
    await server.stop()
  })

  function start(
    identity: string,
    askWorker: AskWorker = () => Promise.reject(new Error('nobody')),
  ): Replica {
    const client = new KubeClient(server.endpoint)
    const calls: FakeRequest[] = []
    const request = client.request.bind(client)
    client.request = call => {
      calls.push({ method: call.method, path: call.path, query: new URLSearchParams(), isWatch: false })
      return request(call)
    }
    const metrics = createOperatorMetrics()
    const parts = { client, clock: { ...systemClock, random: () => 0.5 }, logger: silentLogger }
    const elector = new LeaderElector({ ...parts, namespace: 'ns', name: 'operator', identity })
    const operator = new Operator({
      ...parts,
      instance: identity,
      worker: { image: 'sluice:1', imagePullPolicy: 'IfNotPresent', imagePullSecrets: [] },
      askWorker,
      metrics,
      term: () => elector.epoch + 1,
    })
    const ended = new AbortController()
    const running = runInTurn(elector, operator, ended.signal)
    const stop = async (): Promise<void> => {
      ended.abort()
      await running
      client.close()
    }
    const unseen = async (): Promise<string | undefined> => {
      operator.observe()
      return /^sluice_operator_unseen_jobs (\d+)$/m.exec(await metrics.expose())?.[1]
    }
    const replica = {
      unseen,
      operator,
      elector,
      stop,
      requests: () => calls.filter(({ path }) => !path.includes('/leases/')),
    }
    replicas.push(replica)
    return replica
  }

  /** As a kubelet does. */
  function startPod({ metadata, spec }: Deployment): void {
    server.store.create(collections.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'pod-1', namespace: 'shop', labels: metadata.labels },
      spec: spec.template.spec,
      status: {
        phase: 'Running',
        podIP: '10.0.0.1',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [{ restartCount: 0, state: { running: {} } }],
      },
    } as KubeObject)
  }

  const deployments = (): Deployment[] => server.store.list(collections.deployments) as Deployment[]
  const holder = (): string => (server.store.get(leases, 'ns', 'operator') as Lease).spec.holderIdentity ?? ''

  it('hand over when one is told to stop, long before its Lease runs out', async () => {
    const first = start('one')
    await eventually('one leads', () => first.elector.isLeader && deployments().length === 1)
    const second = start('two')
    await eventually('two is ready to', () => second.operator.hasSynced)
    await first.stop()
    expect(holder(), 'given up by the time it has ended').to.equal('')
    server.store.create(collections.syncJobs, {
      ...shopToLake(),
      metadata: { name: 'late', namespace: 'shop' },
    })
    await eventually('two leads', () => deployments().length === 2)
    expect(holder()).to.equal('two')
    expect(second.elector.epoch).to.equal(1)
  })

  it('do not write all counters at once when another leads', async () => {
    const said = (rowsTotal: number): AskWorker => {
      const job = { namespace: 'shop', name: 'shop-to-lake' }
      const status = { job, phase: 'streaming', tables: [], lagMs: 0, rowsTotal, error: null, updatedAt: '' }
      return () => Promise.resolve(status as WorkerStatus)
    }
    const first = start('one', said(10))
    await eventually('workers are wanted', () => deployments().length === 1)
    startPod(deployments()[0]!)
    const rows = (): number | undefined =>
      (server.store.list(collections.syncJobs)[0] as SyncJobObject).status?.rows
    await eventually('it streams', () => rows() === 10)
    await first.stop()
    const second = start('two', said(11))
    await eventually('two leads', () => second.elector.isLeader)
    await eventually('it has seen all', async () => (await second.unseen()) === '0')
    expect(second.requests().filter(({ method }) => method !== 'GET')).to.deep.equal([])
    expect(rows()).to.equal(10)
  })

  it('know the cluster before they lead, and change nothing in it until then', async () => {
    server.store.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'operator', namespace: 'ns' },
      spec: { holderIdentity: 'zero', leaseDurationSeconds: 15 },
    } as Lease)
    const next = start('one')
    await eventually('it has read the cluster', () => next.operator.hasSynced)
    server.store.create(collections.syncJobs, {
      ...shopToLake(),
      metadata: { name: 'late', namespace: 'shop' },
    })
    await systemClock.sleep(100)
    const before = next.requests()
    expect(await next.unseen()).to.equal('2')
    expect(before.filter(({ method }) => method !== 'GET')).to.deep.equal([])
    const lease = server.store.get(leases, 'ns', 'operator') as Lease
    server.store.update(leases, { ...lease, spec: { ...lease.spec, holderIdentity: '' } } as KubeObject)
    await eventually('it works', () => deployments().length === 2)
    await eventually('it has seen all', async () => (await next.unseen()) === '0')
    const lists = (requests: FakeRequest[]) =>
      requests.filter(({ path }) => /\/(syncjobs|pods|deployments)$/.test(path))
    expect(lists(next.requests()), 'nothing is listed anew').to.have.length(3)
  })
})
