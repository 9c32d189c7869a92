// `kubectl sluice` as a person runs it: through kubectl, in front of a real API server, with the rights that its
// guide lists and no others. No node: the tests play the kubelet and the worker.
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import type { WorkerStatus } from '#api/worker-status.ts'
import { systemClock } from '#common/clock.ts'
import { createLogger } from '#common/json-logger.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { loadEndpoint } from '#operator/kube/endpoint.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { Operator } from '#operator/operator.ts'
import type { Pod } from '#operator/resources.ts'
import { startKubernetes } from '#test/bed/kubernetes.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { requires } from '#test/bed/requires.ts'
import { eventually } from '#test/operator/manual-clock.ts'
import { lake, shopDb, shopToLake } from '#test/operator/sync-job/fixtures.ts'
import { setPodStatus, startStandInKubelet } from './stand-in-kubelet.ts'
import type { StandInKubelet } from './stand-in-kubelet.ts'

const file = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

/** Stands where somebody has put a password into a spec. */
const planted = 'planted-9Xq7'

describe('kubectl sluice on a control plane', function () {
  this.timeout(90_000)
  requires('kubernetes')
  let cluster: BedKubernetes
  let kubelet: StandInKubelet
  let client: KubeClient
  let folder: string
  let withoutCrds: Outcome
  const stop = new AbortController()
  let running: Promise<void> = Promise.resolve()

  // One job for all tests: each finds it as the one before has left it.
  before(async function () {
    this.timeout(180_000)
    folder = await mkdtemp(join(tmpdir(), 'sluice-kubectl-'))
    await symlink(file('cli/kubectl-sluice.mjs'), join(folder, 'kubectl-sluice'))
    cluster = await startKubernetes({ node: false })
    withoutCrds = await sluice('admin', 'status', '-A')
    await cluster.kubectl('apply', '--server-side', '-f', file('manifests/install.yaml'))
    const guide = await readFile(file('docs/guides/kubectl-sluice.md'), 'utf8')
    const role = /```yaml\n(apiVersion: rbac[^]*?)```/.exec(guide)?.[1]
    await writeFile(join(folder, 'role.yaml'), role ?? '')
    await cluster.kubectl('apply', '-f', join(folder, 'role.yaml'))
    await cluster.kubectl('create', 'namespace', 'shop')
    for (const user of ['ann', 'victor', 'nobody']) await makeUser(user)
    for (const namespace of ['shop', 'sluice-system']) await bind('ann', 'kubectl-sluice', namespace)
    await bind('victor', 'view', 'shop')
    kubelet = await startStandInKubelet(cluster)
    client = new KubeClient(await loadEndpoint(systemClock, { kubeconfig: cluster.kubeconfig }))
    running = startOperator()
    await apply(shopDb({ password: { value: planted } }), lake(), shopToLake())
  })

  after(async function () {
    this.timeout(60_000)
    stop.abort()
    await running
    client?.close()
    await kubelet?.stop()
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  function startOperator(): Promise<void> {
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
    return operator.run(stop.signal)
  }

  async function bind(user: string, role: string, namespace: string): Promise<void> {
    const subject = `--serviceaccount=default:${user}`
    await cluster.kubectl('create', 'rolebinding', user, '-n', namespace, `--clusterrole=${role}`, subject)
  }

  async function makeUser(name: string): Promise<void> {
    await cluster.kubectl('create', 'serviceaccount', name)
    const token = (await cluster.kubectl('create', 'token', name)).trim()
    const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as Record<string, unknown>
    config['users'] = [{ name, user: { token } }]
    config['contexts'] = [{ name: 'bed', context: { cluster: 'bed', user: name, namespace: 'shop' } }]
    await writeFile(join(folder, name), stringify(config))
  }

  /** By way of kubectl, which finds the plugin on the PATH. */
  function sluice(user: string, ...args: string[]): Promise<Outcome> {
    const kubeconfig = user === 'admin' ? cluster.kubeconfig : join(folder, user)
    const env = {
      ...process.env,
      ...cluster.env,
      KUBECONFIG: kubeconfig,
      PATH: `${folder}:${cluster.env['PATH']}`,
    }
    return new Promise(resolve => {
      const child = execFile('kubectl', ['sluice', ...args], { env }, (_, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }),
      )
    })
  }

  async function apply(...objects: KubeObject[]): Promise<void> {
    await writeFile(join(folder, 'objects.yaml'), objects.map(object => stringify(object)).join('---\n'))
    await cluster.kubectl('apply', '-f', join(folder, 'objects.yaml'))
  }

  async function list<T extends KubeObject>(kind: string, ...more: string[]): Promise<T[]> {
    const text = await cluster.kubectl('get', kind, '-n', 'shop', '-o', 'json', ...more)
    return (JSON.parse(text) as { items: T[] }).items
  }

  const pods = (): Promise<Pod[]> => list<Pod>('pods', '-l', 'app.kubernetes.io/component=worker')

  async function podName(): Promise<string> {
    await eventually('a worker pod', async () => (await pods()).length > 0)
    return (await pods())[0]!.metadata.name
  }

  /** What a kubelet would write. */
  async function startWorker(): Promise<string> {
    const name = await podName()
    await kubelet.bind('shop', name)
    const status = {
      phase: 'Running',
      podIP: '127.0.0.1',
      podIPs: [{ ip: '127.0.0.1' }],
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        {
          name: 'worker',
          image: 'x',
          imageID: 'x',
          ready: true,
          restartCount: 1,
          state: { running: { startedAt: new Date(Date.now() - 60_000).toISOString() } },
        },
      ],
    }
    await setPodStatus(cluster, { namespace: 'shop', name }, status)
    return name
  }

  it('says that Sluice is not installed in the cluster', () => {
    expect(withoutCrds.stderr).to.match(/KUBE_CRDS_MISSING[^]*What to do: .*docs\/guides\/installing\.md/)
    expect(withoutCrds.code).to.equal(1)
  })

  it('says what a person without rights lacks, and where it is written', async () => {
    const { code, stderr } = await sluice('nobody', 'status')
    expect(code).to.equal(1)
    expect(stderr).to.match(
      /KUBE_FORBIDDEN: .*cannot list resource "syncjobs"[^]*docs\/guides\/kubectl-sluice\.md/,
    )
  })

  it('shows a job that has no node to run on, and why', async () => {
    await eventually('Unschedulable', async () => {
      const { code, stdout } = await sluice('ann', 'status')
      return code === 1 && /shop-to-lake +False +Unschedulable +– +0\/1 +–/.test(stdout)
    })
    const { stdout } = await sluice('ann', 'explain', 'shop-to-lake')
    expect(stdout).to.match(/does not run: Unschedulable: 0\/1 nodes are available/)
  })

  it('shows a job that runs', async () => {
    const name = await startWorker()
    await eventually('Streaming', async () => {
      const { code, stdout } = await sluice('ann', 'status')
      return code === 0 && /shop-to-lake +True +Streaming +3s +1\/1 +[\d,]+ /.test(stdout)
    })
    const one = await sluice('ann', 'status', 'shop-to-lake')
    expect(one.stdout).to.match(new RegExp(`${name} +Running +yes +1 `))
    // The API server does not call loopback addresses; that it says so shows that it may be asked, and took the path.
    expect(one.stdout).to.match(/through pods\/proxy\): .*address not allowed/)
  })

  it('reads logs through the API server', async () => {
    const name = await podName()
    kubelet.logs.set(name, { now: '{"msg":"one"}\n{"msg":"two"}\n', previous: 'of before\n' })
    const { stdout, stderr } = await sluice('ann', 'logs', 'shop-to-lake')
    expect(stderr).to.equal('')
    expect(stdout).to.equal(`[${name}] {"msg":"one"}\n[${name}] {"msg":"two"}\n`)
    expect((await sluice('ann', 'logs', 'shop-to-lake', '-p')).stdout).to.equal(`[${name}] of before\n`)
  })

  it('reports all there is with the rights of its guide, and no secret', async () => {
    const name = await podName()
    const log = `{"msg":"postgres://u:${planted}@db"}\nPGPASSWORD=${planted}\n`
    kubelet.logs.set(name, { now: log, previous: log })
    await cluster.kubectl(
      'create',
      'secret',
      'generic',
      'shop-db',
      '-n',
      'shop',
      `--from-literal=password=${planted}`,
    )
    const { code, stdout, stderr } = await sluice('ann', 'report', '-o', join(folder, 'bug.tar.gz'))
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(/bug\.tar\.gz: \d+ files/)
    expect(stderr).not.to.contain('you may not')
    await promisify(execFile)('tar', ['-xzf', join(folder, 'bug.tar.gz'), '-C', folder])
    const files = await filesOf(join(folder, 'bug'))
    for (const [path, text] of files) expect(text, path).not.to.contain(planted)
    const expected = [
      'syncjobs.yaml',
      'datasources.yaml',
      'configmaps.yaml',
      'events.yaml',
      `logs/${name}.log`,
    ]
    expect([...files.keys()]).to.include.members(expected)
    expect(files.get('datasources.yaml')).to.contain('value: REDACTED')
    expect(files.get('configmaps.yaml')).to.contain('REDACTED')
  })

  it('lets those who may view a namespace see all but what workers say', async () => {
    const name = await podName()
    kubelet.logs.set(name, { now: 'line\n' })
    expect((await sluice('victor', 'logs', 'shop-to-lake')).stdout).to.equal(`[${name}] line\n`)
    const { stdout } = await sluice('victor', 'explain', 'shop-to-lake')
    expect(stdout).to.contain(`the status of worker ${name} (through pods/proxy): you may not read that`)
    expect(stdout.match(/you may not read that/g)).to.have.length(1)
    const paused = await sluice('victor', 'pause', 'shop-to-lake')
    expect(paused.code).to.equal(1)
    expect(paused.stderr).to.match(/KUBE_FORBIDDEN: .*cannot patch resource "syncjobs"/)
  })

  it('explains that a quota keeps the worker from being made', async () => {
    await cluster.kubectl('create', 'quota', 'none', '-n', 'shop', '--hard=pods=0')
    await cluster.kubectl('delete', 'pods', '-n', 'shop', '--all', '--force', '--grace-period=0')
    await eventually('the words of the quota', async () => {
      const { stdout } = await sluice('ann', 'explain', 'shop-to-lake')
      return /FailedCreate: .*exceeded quota: none/.test(stdout)
    })
    await cluster.kubectl('delete', 'quota', 'none', '-n', 'shop')
  })

  it('pauses without a conflict for those who apply the job, and gives the field back', async () => {
    const job = join(folder, 'job.yaml')
    const gitOps = ['apply', '--server-side', '--field-manager=gitops', '-f', job]
    await writeFile(job, stringify(shopToLake()))
    const paused = await sluice('ann', 'pause', 'shop-to-lake', '--wait')
    expect(paused.stderr).to.equal('')
    expect(paused.stdout).to.equal(
      'syncjob/shop-to-lake paused\nsyncjob/shop-to-lake has no worker any more\n',
    )
    expect(await ownersOfSuspend()).to.deep.equal(['kubectl-sluice'])
    // The file says nothing of suspend, by the one way and by the other.
    await cluster.kubectl('apply', '-f', job)
    await cluster.kubectl(...gitOps, '--force-conflicts')
    expect((await sluice('ann', 'status')).stdout).to.contain('Suspended')
    expect((await sluice('ann', 'resume', 'shop-to-lake')).stdout).to.equal('syncjob/shop-to-lake resumed\n')
    expect(await ownersOfSuspend()).to.deep.equal([])
    // And now it says something, and nobody objects.
    await writeFile(job, stringify(shopToLake({ suspend: true })))
    await cluster.kubectl(...gitOps)
    await eventually('no worker', async () => (await pods()).length === 0)
    expect(await ownersOfSuspend()).to.deep.equal(['gitops'])
    const overruled = await sluice('ann', 'resume', 'shop-to-lake')
    expect(overruled.stderr).to.contain('"gitops" states spec.suspend: true')
    await startWorker()
    const running = await sluice('ann', 'resume', 'shop-to-lake', '--wait')
    expect(running.stdout).to.contain('was running already').and.contain('is ready: Streaming')
  })

  async function ownersOfSuspend(): Promise<string[]> {
    const [job] = await list('syncjobs', '--show-managed-fields')
    const entries = (job?.metadata.managedFields ?? []) as {
      manager: string
      fieldsV1: { 'f:spec'?: Record<string, unknown> }
    }[]
    return entries.filter(({ fieldsV1 }) => fieldsV1['f:spec']?.['f:suspend']).map(({ manager }) => manager)
  }
})

/** Every file of a folder, by path. */
async function filesOf(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const texts = await Promise.all(paths.map(path => readFile(path, 'utf8')))
  return new Map(paths.map((path, at) => [path.slice(folder.length + 1), texts[at]!]))
}

const worker: WorkerStatus = {
  job: { namespace: 'shop', name: 'shop-to-lake' },
  phase: 'streaming',
  tables: [
    {
      name: 'public.orders',
      rowsTotal: 12_000,
      lagMs: 3200,
      lastCommit: 'x',
      lastCommitAt: new Date().toISOString(),
      state: 'streaming',
    },
  ],
  lagMs: 3200,
  rowsTotal: 12_000,
  error: null,
  updatedAt: new Date().toISOString(),
}
