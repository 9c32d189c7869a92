// The operator with the rights that manifests/install.yaml grants, and no others, from the creation of a SyncJob to
// its end: nothing it does is forbidden. There is no node, so no pod runs; that is enough for what it may do.
import { expect } from 'chai'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
    operator = await startOperator()
  })

  after(async function () {
    this.timeout(60_000)
    if (operator?.exitCode === null && operator.kill('SIGTERM')) await once(operator, 'exit')
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  /** Starts the operator as its ServiceAccount. */
  async function startOperator(): Promise<ChildProcess> {
    const config = parse(await readFile(cluster.kubeconfig, 'utf8'))
    const token = (await cluster.kubectl('create', 'token', 'sluice-operator', '-n', 'sluice-system')).trim()
    config.users[0].user = { token }
    const kubeconfig = join(folder, 'kubeconfig')
    await writeFile(kubeconfig, stringify(config))
    const options = [
      '--worker-image=sluice:test',
      '--lease-namespace=sluice-system',
      '--teardown-deadline=3s',
      '--port=0',
    ]
    const child = spawn(process.execPath, [join(root, 'cli', 'main.ts'), 'operator', ...options], {
      env: { ...process.env, ...cluster.env, KUBECONFIG: kubeconfig, POD_NAMESPACE: 'sluice-system' },
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
})
