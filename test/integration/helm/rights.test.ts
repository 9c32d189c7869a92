// The operator with the rights that manifests/install.yaml grants, and no others, from the creation of a SyncJob to
// its end, and with those of a release that looks after one namespace: nothing it does is forbidden. There is no node, so
// no pod runs; that is enough for what it may do.
import { expect } from 'chai'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import { startKubernetes, type BedKubernetes } from '#test/bed/kubernetes.ts'
import { requires } from '#test/bed/requires.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const sample = join(root, 'manifests', 'samples', 'shop-to-lake.yaml')

describe('rights of the operator', () => {
  requires('kubernetes')
  let cluster: BedKubernetes
  let folder: string
  let operator: ChildProcess | undefined
  let log = ''

  before(async function () {
    this.timeout(180_000)
    folder = await mkdtemp(join(tmpdir(), 'sluice-rights-'))
    cluster = await startKubernetes({ node: false })
    await cluster.kubectl('apply', '-f', join(root, 'manifests', 'install.yaml'))
    // Ours runs outside; the one of the manifest must not take the lease.
    await cluster.kubectl('scale', '-n', 'sluice-system', 'deployment/sluice-operator', '--replicas=0')
    await cluster.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd/syncjobs.sluice.dev')
    operator = await startOperator('sluice-operator', 'sluice-system')
  })

  after(async function () {
    this.timeout(60_000)
    await stopOperator()
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function stopOperator(): Promise<void> {
    if (operator?.exitCode === null && operator.kill('SIGTERM')) await once(operator, 'exit')
  }

  /** Starts the operator as this ServiceAccount. */
  async function startOperator(account: string, namespace: string, ...more: string[]): Promise<ChildProcess> {
    const config = parse(await readFile(cluster.kubeconfig, 'utf8'))
    const token = (await cluster.kubectl('create', 'token', account, '-n', namespace)).trim()
    config.users[0].user = { token }
    const kubeconfig = join(folder, 'kubeconfig')
    await writeFile(kubeconfig, stringify(config))
    const options = [
      '--worker-image=sluice:test',
      `--lease-namespace=${namespace}`,
      '--teardown-deadline=3s',
      '--port=0',
      ...more,
    ]
    const child = spawn(process.execPath, [join(root, 'cli', 'main.ts'), 'operator', ...options], {
      env: { ...process.env, ...cluster.env, KUBECONFIG: kubeconfig, POD_NAMESPACE: namespace },
      stdio: ['ignore', 'inherit', 'pipe'],
    })
    child.stderr.on('data', chunk => (log += String(chunk)))
    return child
  }

  async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
    // Kubernetes' garbage collector looks only every half minute for kinds that are new.
    for (let attempt = 0; attempt < 360; attempt++) {
      if (await holds().catch(() => false)) return
      if (operator?.exitCode !== null) break
      await new Promise(resolve => setTimeout(resolve, 250))
    }
    const left = await cluster.kubectl('get', 'all,configmaps,serviceaccounts,pdb,sj', '-o', 'name')
    throw new Error(`not seen: ${what}\n${log}\n${left}`)
  }

  const names = async (kinds: string) =>
    (
      await cluster.kubectl(
        'get',
        kinds,
        '-n',
        'default',
        '-l',
        'app.kubernetes.io/managed-by=sluice-operator',
        '-o',
        'name',
      )
    )
      .trim()
      .split('\n')
      .filter(name => name !== '')

  it('are enough to make workers, to tell about them, to change them and to clean up', async function () {
    this.timeout(120_000)
    await cluster.kubectl('apply', '-f', sample)
    const kinds = 'deployments,configmaps,serviceaccounts,poddisruptionbudgets'
    await eventually('the four objects of a job', async () => (await names(kinds)).length === 4)
    await eventually('a condition of the job', async () =>
      (await cluster.kubectl('get', 'sj', 'shop-to-lake', '--no-headers')).includes('False'),
    )
    await eventually('a condition of its source', async () =>
      (await cluster.kubectl('get', 'dsrc', 'shop-db', '--no-headers')).includes('True'),
    )
    await cluster.kubectl('patch', 'sj', 'shop-to-lake', '--type=merge', '-p', '{"spec":{"suspend":true}}')
    await eventually(
      'no replicas',
      async () =>
        (await cluster.kubectl('get', 'deployments', '-o', 'jsonpath={.items[*].spec.replicas}')) === '0',
    )
    await cluster.kubectl('delete', 'sj', 'shop-to-lake', '--wait=false')
    await eventually(
      'the end of the job',
      async () => (await cluster.kubectl('get', 'sj', '-o', 'name')) === '',
    )
    await eventually('the end of its objects', async () => (await names(kinds)).length === 0)
    await eventually(
      'an event of it',
      async () => (await cluster.kubectl('get', 'events.events.k8s.io', '-o', 'name')) !== '',
    )
    expect(log).to.not.match(/forbidden|"status":403|KUBE_FORBIDDEN/i)
  })

  it('of a release for one namespace are enough for that one', async function () {
    this.timeout(120_000)
    await stopOperator()
    log = ''
    for (const namespace of ['team', 'team-jobs']) await cluster.kubectl('create', 'namespace', namespace)
    const watched = ['--set', 'watchNamespace=team-jobs,replicas=0,master.enabled=false']
    const chart = join(root, 'helm', 'sluice')
    const { stdout } = await promisify(execFile)(
      'helm',
      ['template', 'team', chart, '-n', 'team', '--kube-version', '1.34.0', ...watched],
      { env: { ...process.env, ...cluster.env } },
    )
    await writeFile(join(folder, 'release.yaml'), stdout)
    await cluster.kubectl('apply', '-f', join(folder, 'release.yaml'))
    const account = 'team-sluice-operator'
    operator = await startOperator(account, 'team', '--namespace=team-jobs', `--lease-name=${account}`)
    for (const namespace of ['team-jobs', 'default'])
      await cluster.kubectl('apply', '-n', namespace, '-f', sample)
    const ready = (namespace: string) =>
      cluster.kubectl('get', 'sj', 'shop-to-lake', '-n', namespace, '--no-headers')
    await eventually('a condition of the job', async () => (await ready('team-jobs')).includes('False'))
    await cluster.kubectl('delete', 'sj', 'shop-to-lake', '-n', 'team-jobs', '--timeout=60s')
    expect(await ready('default'), 'a job of another namespace').not.to.include('False')
    expect(log).to.not.match(/forbidden|"status":403|KUBE_FORBIDDEN/i)
  })
})
