// The alerts of the chart on the operator and what it tells, each by its cause: the operator as a process, with the account
// and the rights that manifests/install.yaml gives it, on a real API server. No node: the test plays the kubelet. A second
// operator, of a namespace of its own, has troubles that the first one must not have.
import { expect } from 'chai'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import type { SyncJobStatus } from '#api/sync-job.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import type { Pod } from '#operator/resources.ts'
import { freePort } from '#scripts/free-port.ts'
import { ServerProcess } from '#scripts/server-process.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { startKubernetes } from '#test/bed/kubernetes.ts'
import { requires } from '#test/bed/requires.ts'
import type { SlowApiServer } from '#test/bed/slow-api-server.ts'
import { startSlowApiServer } from '#test/bed/slow-api-server.ts'
import { eventually } from '#test/operator/manual-clock.ts'
import { lake, shopDb, shopToLake } from '#test/operator/sync-job/fixtures.ts'
import type { StandInKubelet } from '../cli/stand-in-kubelet.ts'
import { setPodStatus, startStandInKubelet } from '../cli/stand-in-kubelet.ts'
import { AlertWatch } from './alert-watch.ts'

/** More than may wait to be reconciled. */
const farJobs = 150

const root = fileURLToPath(new URL('../../..', import.meta.url))

describe('Alerts on the operator', function () {
  this.timeout(300_000)
  requires('kubernetes', 'prometheus')
  let cluster: BedKubernetes
  let kubelet: StandInKubelet
  let operator: ServerProcess
  let slow: SlowApiServer
  let farOperator: ServerProcess
  let watch: AlertWatch
  let dir: string

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-alerts-'))
    cluster = await startKubernetes({ node: false })
    await cluster.kubectl('apply', '--server-side', '-f', join(root, 'manifests/install.yaml'))
    await cluster.kubectl('create', 'namespace', 'shop')
    kubelet = await startStandInKubelet(cluster)
    const [port, farPort] = [await freePort(), await freePort()]
    farOperator = await startFarOperator(farPort)
    const account = { namespace: 'sluice-system', name: 'sluice-operator' }
    operator = await startOperator({ account, watched: 'shop', port })
    watch = await AlertWatch.start([
      { address: `127.0.0.1:${port}`, labels: { namespace: 'sluice-system', pod: 'operator' } },
      { address: `127.0.0.1:${farPort}`, labels: { namespace: 'far', pod: 'operator' } },
    ])
    await makeHomeless()
    await makeSlow()
    await makeHeld()
  })

  after(async () => {
    await watch?.stop()
    await operator?.stop()
    await farOperator?.kill9()
    await slow?.stop()
    await kubelet?.stop()
    await cluster?.stop()
    await rm(dir, { recursive: true, force: true })
  })

  interface OperatorSettings {
    account: { namespace: string; name: string }
    watched: string
    port: number
    /** The API server's own unless given. */
    server?: string
  }

  async function startOperator({ account, watched, port, server }: OperatorSettings): Promise<ServerProcess> {
    const token = await cluster.kubectl('create', 'token', '-n', account.namespace, account.name)
    const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as {
      users: { user: object }[]
      clusters: { cluster: { server: string } }[]
    }
    config.users[0]!.user = { token: token.trim() }
    config.clusters[0]!.cluster.server = server ?? config.clusters[0]!.cluster.server
    const kubeconfig = join(dir, `${watched}.kubeconfig`)
    await writeFile(kubeconfig, stringify(config))
    const options = ['--worker-image', 'bed.local/none:1', '--lease-namespace', account.namespace]
    const address = ['--host', '127.0.0.1', '--port', String(port)]
    return ServerProcess.start({
      name: 'operator',
      command: process.execPath,
      args: [join(root, 'cli/main.ts'), 'operator', ...options, '--namespace', watched, ...address],
      env: { ...cluster.env, KUBECONFIG: kubeconfig },
      logPath: join(dir, `${watched}.log`),
      ready: async () =>
        (await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).includes(
          'sluice_operator_leading 1',
        ),
      readyTimeoutMs: 30_000,
      stopSignal: 'SIGTERM',
      stopTimeoutMs: 20_000,
      orphanSignal: 'KILL',
    })
  }

  /** It finds more jobs than it can soon work on, and its watches say nothing. */
  async function startFarOperator(port: number): Promise<ServerProcess> {
    const account = { namespace: 'far', name: 'far-operator' }
    const { namespace, name } = account
    await cluster.kubectl('create', 'namespace', namespace)
    await cluster.kubectl('create', 'serviceaccount', '-n', namespace, name)
    const subject = `--serviceaccount=${namespace}:${name}`
    await cluster.kubectl('create', 'clusterrolebinding', name, '--clusterrole=cluster-admin', subject)
    const jobs = Array.from({ length: farJobs }, (_, number) => job(`far-${number}`))
    const far = [shopDb(), lake(), ...jobs].map(object => ({
      ...object,
      metadata: { ...object.metadata, namespace },
    }))
    await apply(...far)
    slow = await startSlowApiServer(cluster, { writeDelayMs: 3000 })
    return startOperator({ account, watched: namespace, port, server: slow.url })
  }

  async function apply(...objects: KubeObject[]): Promise<void> {
    const file = join(dir, 'objects.yaml')
    await writeFile(file, objects.map(object => stringify(object)).join('---\n'))
    await cluster.kubectl('apply', '-f', file)
  }

  async function isSaid(name: string, type: string, what: string): Promise<void> {
    await eventually(`${name} ${type}: ${what}`, async () => {
      const text = await cluster.kubectl('get', 'syncjob', name, '-n', 'shop', '-o', 'json')
      const { status } = JSON.parse(text) as { status?: SyncJobStatus }
      const said = status?.conditions?.find(condition => condition.type === type)
      return said !== undefined && `${said.status} ${said.reason}` === what
    })
  }

  async function podOf(name: string, component: string): Promise<Pod> {
    const labels = `sluice.dev/job=${name},app.kubernetes.io/component=${component}`
    let found: Pod | undefined
    await eventually(`a ${component} of ${name}`, async () => {
      const list = await cluster.kubectl('get', 'pods', '-n', 'shop', '-l', labels, '-o', 'json')
      found = (JSON.parse(list) as { items: Pod[] }).items[0]
      return found !== undefined
    })
    return found as Pod
  }

  const setStatus = ({ metadata: { name } }: Pod, status: object): Promise<void> =>
    setPodStatus(cluster, { namespace: 'shop', name }, status)

  const job = (name: string, changes = {}): KubeObject => {
    const made = shopToLake(changes)
    return { ...made, metadata: { ...made.metadata, name } }
  }

  /** Without a node. */
  async function makeHomeless(): Promise<void> {
    await apply(shopDb(), lake(), job('homeless'))
    await isSaid('homeless', 'Ready', 'False Unschedulable')
  }

  /** Its pod has a node, which does not start it. */
  async function makeSlow(): Promise<void> {
    await apply(job('slow'))
    await kubelet.bind('shop', (await podOf('slow', 'worker')).metadata.name)
    await isSaid('slow', 'Ready', 'False WorkerStarting')
  }

  /** It works, and what it is to be next does not pass its check. */
  async function makeHeld(): Promise<void> {
    await apply(job('held'))
    await setStatus(await podOf('held', 'worker'), {
      phase: 'Running',
      podIP: '127.0.0.1',
      podIPs: [{ ip: '127.0.0.1' }],
      conditions: [{ type: 'Ready', status: 'True' }],
    })
    await apply(job('held', { freshness: '9s' }))
    const message = 'sluice check: SOURCE_UNREACHABLE: nobody answers'
    const container = { name: 'check', image: 'x', imageID: 'x', ready: false, restartCount: 0 }
    await setStatus(await podOf('held', 'check'), {
      phase: 'Failed',
      containerStatuses: [{ ...container, state: { terminated: { exitCode: 1, message } } }],
    })
    await isSaid('held', 'RolledOut', 'False SOURCE_UNREACHABLE')
  }

  /** The operator's account may no longer touch Deployments. */
  async function takeRights(): Promise<void> {
    const name = 'sluice-operator'
    const role = JSON.parse(await cluster.kubectl('get', 'clusterrole', name, '-o', 'json')) as KubeObject & {
      rules: { resources: string[] }[]
    }
    role.rules = role.rules.filter(({ resources }) => !resources.includes('deployments'))
    delete role.metadata.managedFields
    const file = join(dir, 'role.json')
    await writeFile(file, JSON.stringify(role))
    await cluster.kubectl('replace', '-f', file)
  }

  it('tell of jobs that are not ready', () => watch.fired('SluiceJobsNotReady', { reason: 'Unschedulable' }))

  it('tell of jobs that do not get past their start', () =>
    watch.fired('SluiceJobsStarting', { reason: 'WorkerStarting' }))

  it('tell of workers that stay as they were, since the check of the next ones fails', () =>
    watch.fired('SluiceRolloutHeld', { reason: 'SOURCE_UNREACHABLE' }))

  it('tell of more jobs than an operator can soon work on', () =>
    watch.fired('SluiceOperatorQueueLong', { controller: 'sync-job' }))

  it('tell of an operator without the rights it needs', async () => {
    await takeRights()
    let isTold = false
    const told = Promise.all([
      watch.fired('SluiceOperatorApiErrors', { status: '403' }),
      watch.fired('SluiceOperatorReconcileErrors', { controller: 'sync-job', code: 'KUBE_FORBIDDEN' }),
    ]).finally(() => (isTold = true))
    // It tries again every minute, which is not faster here. So there is always another one.
    for (let number = 0; !isTold; number++) {
      await apply(job(`poor-${number}`))
      await delay(1500)
    }
    await told
  })

  it('tell of an operator whose watches say nothing, while it leads', async () => {
    await watch.fired('SluiceOperatorWatchStale', { namespace: 'far' })
    const told = watch.of('alertname', 'SluiceOperatorWatchStale')
    expect(told.map(({ labels }) => labels['namespace'])).to.deep.equal(['far'])
  })

  it('tell of an API server that does not answer, and that no operator leads without one', async () => {
    // It takes its time with its last writes, and leads until then.
    await farOperator.kill9()
    expect(watch.of('alertname', 'SluiceOperatorNotLeading')).to.deep.equal([])
    cluster.killApiServer()
    await watch.fired('SluiceOperatorApiErrors', { status: '0' })
    await watch.fired('SluiceOperatorNotLeading')
  })
})
