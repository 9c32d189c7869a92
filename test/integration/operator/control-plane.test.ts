// The operator in front of a real API server and its controllers, under the account and the rights that
// manifests/install.yaml gives it. No node: the tests play the kubelet, and the worker.
import { expect } from 'chai'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import type { SyncJobStatus } from '#api/sync-job.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import { systemClock } from '#common/clock.ts'
import { createLogger } from '#common/json-logger.ts'
import { KubeClient } from '#operator/kube/client.ts'
import type { ApiEndpoint } from '#operator/kube/endpoint.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { Operator } from '#operator/operator.ts'
import type { Pod } from '#operator/resources.ts'
import { startKubernetes } from '#test/bed/kubernetes.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { requires } from '#test/bed/requires.ts'
import { eventually } from '#test/operator/manual-clock.ts'
import { lake, shopDb, shopToLake } from '#test/operator/sync-job/fixtures.ts'
import { setPodStatus } from '../cli/stand-in-kubelet.ts'

const install = fileURLToPath(new URL('../../../manifests/install.yaml', import.meta.url))

describe('Operator on a control plane', () => {
  requires('kubernetes')
  let cluster: BedKubernetes
  let client: KubeClient
  let calls: { method: string; path: string }[]
  let stop: AbortController
  let running: Promise<void>
  let worker: WorkerStatus
  /** Of each test its own: what is in the one before may take its time to go. */
  let namespace: string
  let tests = 0
  const file = join(tmpdir(), `sluice-operator-${process.pid}.yaml`)

  before(async function () {
    this.timeout(180_000)
    cluster = await startKubernetes({ node: false })
    await cluster.kubectl('apply', '--server-side', '-f', install)
    const token = (await cluster.kubectl('create', 'token', '-n', 'sluice-system', 'sluice-operator')).trim()
    calls = []
    client = new KubeClient(await endpointOf(cluster, token), ({ method, path }) =>
      calls.push({ method, path }),
    )
  })

  after(async function () {
    this.timeout(60_000)
    client?.close()
    await cluster?.stop()
    await rm(file, { force: true })
  })

  beforeEach(async () => {
    namespace = `shop-${++tests}`
    await cluster.kubectl('create', 'namespace', namespace)
    // Whatever the operator makes has to pass the strictest of the pod security standards.
    await cluster.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted')
    worker = {
      job: { namespace, name: 'shop-to-lake' },
      phase: 'streaming',
      tables: [
        {
          name: 'public.orders',
          rowsTotal: 10,
          lagMs: 3200,
          lastCommit: 'x',
          lastCommitAt: '2026-01-01T00:00:00.000Z',
          state: 'streaming',
        },
      ],
      lagMs: 3200,
      rowsTotal: 10,
      error: null,
      updatedAt: '2026-01-01T00:00:00.000Z',
    }
    stop = new AbortController()
    const operator = new Operator({
      client,
      instance: 'test',
      worker: { image: 'bed.local/none:1', imagePullPolicy: 'IfNotPresent', imagePullSecrets: [] },
      askWorker: async () => worker,
      clock: systemClock,
      logger: createLogger('error'),
      metrics: createOperatorMetrics(),
      pollIntervalMs: 200,
    })
    running = operator.run(stop.signal)
  })

  afterEach(async function () {
    this.timeout(60_000)
    await cluster.kubectl('delete', 'namespace', namespace, '--wait=false', '--ignore-not-found')
    stop.abort()
    await running
  })

  async function apply(...objects: KubeObject[]): Promise<void> {
    const placed = objects.map(object => ({ ...object, metadata: { ...object.metadata, namespace } }))
    await writeFile(file, placed.map(object => stringify(object)).join('---\n'))
    await cluster.kubectl('apply', '-f', file)
  }

  async function list<T extends KubeObject>(kind: string, ...more: string[]): Promise<T[]> {
    const text = await cluster.kubectl('get', kind, '-n', namespace, '-o', 'json', ...more)
    return (JSON.parse(text) as { items: T[] }).items
  }

  const job = async (): Promise<(KubeObject & { status?: SyncJobStatus }) | undefined> =>
    (await list<KubeObject & { status?: SyncJobStatus }>('syncjobs'))[0]

  async function isSaid(type: string, what: string): Promise<void> {
    await eventually(`${type}: ${what}`, async () => {
      const said = (await job())?.status?.conditions?.find(condition => condition.type === type)
      return said !== undefined && `${said.status} ${said.reason}` === what
    })
  }

  const isReady = (what: string): Promise<void> => isSaid('Ready', what)

  async function podOf(component: string): Promise<Pod> {
    let found: Pod | undefined
    await eventually(`a ${component} pod`, async () => {
      const pods = await list<Pod>('pods', '-l', `app.kubernetes.io/component=${component}`)
      found = pods.find(
        ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase !== 'Failed',
      )
      return found !== undefined
    })
    return found as Pod
  }

  const setStatus = ({ metadata: { name } }: Pod, status: object): Promise<void> =>
    setPodStatus(cluster, { namespace, name }, status)

  async function startWorker(): Promise<void> {
    await setStatus(await podOf('worker'), {
      phase: 'Running',
      podIP: '10.0.0.1',
      podIPs: [{ ip: '10.0.0.1' }],
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        {
          name: 'worker',
          image: 'x',
          imageID: 'x',
          ready: true,
          restartCount: 0,
          state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
        },
      ],
    })
  }

  async function endTeardown(): Promise<void> {
    await setStatus(await podOf('teardown'), { phase: 'Succeeded' })
  }

  const gone = async (): Promise<boolean> => (await job()) === undefined

  it('makes workers that restricted namespaces take, and shows how they do', async function () {
    this.timeout(60_000)
    await apply(shopDb(), lake(), shopToLake())
    await isReady('False Unschedulable')
    await startWorker()
    await isReady('True Streaming')
    const table = await cluster.kubectl('get', 'syncjobs', '-n', namespace)
    const [head, row] = table
      .trim()
      .split('\n')
      .map(line => line.split(/\s{2,}/))
    expect(head).to.deep.equal(['NAME', 'READY', 'LAG', 'REPLICAS', 'REASON', 'AGE'])
    expect(row?.slice(0, 5)).to.deep.equal(['shop-to-lake', 'True', '3s', '1', 'Streaming'])
    const sources = await cluster.kubectl('get', 'datasources', '-n', namespace)
    expect(sources).to.match(/shop-db +postgres +True +Valid/)
  })

  it('describes its turns in events', async function () {
    this.timeout(60_000)
    await apply(shopDb(), lake(), shopToLake())
    await startWorker()
    await isReady('True Streaming')
    await eventually('the event', async () =>
      (await cluster.kubectl('describe', 'syncjob', 'shop-to-lake', '-n', namespace)).includes('Streaming  '),
    )
  })

  it('writes nothing while nothing happens', async function () {
    this.timeout(60_000)
    await apply(shopDb(), lake(), shopToLake())
    await startWorker()
    await isReady('True Streaming')
    await systemClock.sleep(1500)
    const before = calls.length
    await systemClock.sleep(3000)
    expect(
      calls.slice(before).filter(({ method, path }) => method !== 'GET' && path.includes(`/${namespace}/`)),
    ).to.deep.equal([])
    const stored = await list('deployments')
    expect(stored[0]?.metadata.generation, 'generation of the Deployment').to.equal(1)
  })

  it('reacts to a DataSource that comes late, and to one that changes', async function () {
    this.timeout(60_000)
    await apply(lake(), shopToLake())
    await isReady('False SPEC_INVALID')
    await apply(shopDb())
    const first = await podOf('worker')
    await apply(shopDb({ port: 6543 }))
    await setStatus(await podOf('check'), { phase: 'Succeeded' })
    await eventually('a new pod', async () => (await podOf('worker')).metadata.name !== first.metadata.name)
  })

  it('replaces workers that work when a pod that restricted namespaces take has found the new plan good', async function () {
    this.timeout(60_000)
    await apply(shopDb(), lake(), shopToLake())
    await startWorker()
    await isReady('True Streaming')
    await isSaid('RolledOut', 'True RolledOut')
    const first = await podOf('worker')
    await apply(shopDb({ port: 6543 }))
    const check = await podOf('check')
    await isSaid('RolledOut', 'False Unschedulable')
    const message = 'sluice check: SOURCE_UNREACHABLE: nobody answers'
    const name = { name: 'check', image: 'x', imageID: 'x', ready: false, restartCount: 0 }
    await setStatus(check, {
      phase: 'Failed',
      containerStatuses: [{ ...name, state: { terminated: { exitCode: 1, message } } }],
    })
    await isSaid('RolledOut', 'False SOURCE_UNREACHABLE')
    expect((await podOf('worker')).metadata.name).to.equal(first.metadata.name)
    await setStatus(await podOf('check'), { phase: 'Succeeded' })
    await eventually('a new pod', async () => (await podOf('worker')).metadata.name !== first.metadata.name)
  })

  it('stops and starts with spec.suspend', async function () {
    this.timeout(60_000)
    await apply(shopDb(), lake(), shopToLake())
    await podOf('worker')
    await apply(shopToLake({ suspend: true }))
    await isReady('False Suspended')
    await eventually('no pods', async () => (await list('pods')).length === 0)
    await apply(shopToLake({ suspend: false }))
    await podOf('worker')
  })

  for (const cascade of ['background', 'foreground'])
    it(`tears down and ends when a job is deleted in the ${cascade}`, async function () {
      this.timeout(60_000)
      await apply(shopDb(), lake(), shopToLake())
      await startWorker()
      await isReady('True Streaming')
      await cluster.kubectl(
        'delete',
        'syncjob',
        'shop-to-lake',
        '-n',
        namespace,
        `--cascade=${cascade}`,
        '--wait=false',
      )
      await endTeardown()
      await eventually('gone', gone)
      await eventually(
        'no children',
        async () => (await list('deployments,configmaps', '-l', 'sluice.dev/job')).length === 0,
      )
    })

  it('tears down though the whole folder of manifests was deleted at once', async function () {
    this.timeout(60_000)
    await apply(shopDb(), lake(), shopToLake())
    await podOf('worker')
    await isReady('False Unschedulable')
    await cluster.kubectl('delete', 'datasources,syncjobs', '--all', '-n', namespace, '--wait=false')
    await endTeardown()
    await eventually('gone', gone)
  })

  it('does not hold up the deletion of a namespace', async function () {
    this.timeout(60_000)
    await apply(shopDb(), lake(), shopToLake())
    await startWorker()
    await isReady('True Streaming')
    await cluster.kubectl('delete', 'namespace', namespace, '--timeout=40s')
  })
})

/** The cluster as the operator's account reaches it. */
async function endpointOf(cluster: BedKubernetes, token: string): Promise<ApiEndpoint> {
  const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as {
    clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }]
  }
  const { server, 'certificate-authority-data': authority } = config.clusters[0].cluster
  const options = {
    ca: Buffer.from(authority, 'base64'),
    headers: { authorization: `Bearer ${token}` },
  }
  return { url: new URL(server), credentials: async () => options }
}
