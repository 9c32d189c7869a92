// The chart's network policies on a cluster that enforces them: who may call whom, tried with real connections.
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { NetworkPeer } from '#operator/resources.ts'
import { buildNetworkPolicy } from '#operator/sync-job/network-policy.ts'
import { compiled } from '#test/operator/sync-job/built.ts'
import { startKubernetes, type BedKubernetes } from '#test/bed/kubernetes.ts'
import { requires } from '#test/bed/requires.ts'

const chart = fileURLToPath(new URL('../../../helm/sluice', import.meta.url))
const image = 'bed.local/node:24'
const serve = `for (const port of [9464, 9000]) require('http').createServer((_, r) => r.end('ok')).listen(port)`
const name = { 'app.kubernetes.io/name': 'sluice' }

/** Namespace and labels of each pod. */
const pods = {
  operator: {
    namespace: 'sluice-system',
    labels: { ...name, 'app.kubernetes.io/instance': 'sluice', 'app.kubernetes.io/component': 'operator' },
  },
  worker: {
    namespace: 'shop',
    labels: { ...name, 'app.kubernetes.io/component': 'worker', 'sluice.dev/job': 'shop-to-lake' },
  },
  stranger: { namespace: 'shop', labels: { 'app.kubernetes.io/name': 'shop' } },
  prometheus: { namespace: 'monitoring', labels: {} },
} as const
type PodName = keyof typeof pods

describe('network policies of the chart', function () {
  this.timeout(900_000)
  requires('kubernetes')
  let cluster: BedKubernetes
  let folder: string
  let apiServerPort: string
  const addresses = new Map<PodName, string>()

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-policies-'))
    cluster = await startKubernetes({ node: true, dns: true, networkPolicy: true })
    for (const namespace of ['sluice-system', 'shop', 'monitoring'])
      await cluster.kubectl('create', 'namespace', namespace)
    await apply(Object.keys(pods).map(each => podOf(each as PodName)))
    for (const [each, { namespace }] of Object.entries(pods)) {
      await cluster.kubectl('wait', '-n', namespace, '--for=condition=Ready', `pod/${each}`, '--timeout=120s')
      const path = 'jsonpath={.status.podIP}'
      addresses.set(each as PodName, await cluster.kubectl('get', 'pod', '-n', namespace, each, '-o', path))
    }
    const slices = ['get', 'endpointslices', '-n', 'default', '-l', 'kubernetes.io/service-name=kubernetes']
    apiServerPort = await cluster.kubectl(...slices, '-o', 'jsonpath={.items[0].ports[0].port}')
  })

  after(async () => {
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function apply(objects: readonly object[]): Promise<void> {
    const file = join(folder, 'objects.json')
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
    await cluster.kubectl('apply', '-f', file)
  }

  async function applyPolicies(...values: string[]): Promise<void> {
    const all = [
      'networkPolicy.enabled=true',
      'networkPolicy.workers.namespaces={shop}',
      `networkPolicy.apiServer.ports={${apiServerPort}}`,
      ...values,
    ]
    const command = ['template', 'sluice', chart, '--namespace', 'sluice-system', '--kube-version', '1.34.0']
    const only = ['--show-only', 'templates/network-policy.yaml']
    const { stdout } = await promisify(execFile)(
      'helm',
      [...command, ...only, ...all.flatMap(value => ['--set', value])],
      { env: { ...process.env, ...cluster.env } },
    )
    const file = join(folder, 'policies.yaml')
    await writeFile(file, stdout)
    await cluster.kubectl('apply', '-f', file)
  }

  /** Whether a connection comes about. */
  async function reaches(from: PodName, host: string, port: number | string): Promise<boolean> {
    const script =
      `const s = require('net').connect(${port}, '${host}', () => { console.log('open'); process.exit() });` +
      `s.on('error', e => { console.log(e.code); process.exit() }); setTimeout(() => { console.log('silent'); process.exit() }, 2000)`
    const { namespace } = pods[from]
    const said = await cluster.kubectl(
      'exec',
      '-n',
      namespace,
      from,
      '--',
      '/usr/local/bin/node',
      '-e',
      script,
    )
    return said.trim() === 'open'
  }

  const reachesPod = (from: PodName, to: PodName, port = 9464) => reaches(from, addresses.get(to)!, port)

  /** Policies take effect a moment after they are applied. */
  async function becomes(expected: boolean, ask: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 20 && (await ask()) !== expected; attempt++)
      await new Promise(resolve => setTimeout(resolve, 500))
    expect(await ask()).to.equal(expected)
  }

  it('are not there at first: everyone calls everyone', async () => {
    expect(await reachesPod('stranger', 'worker')).to.equal(true)
    expect(await reachesPod('stranger', 'operator')).to.equal(true)
    expect(await reachesPod('operator', 'stranger')).to.equal(true)
  })

  it('let the operator and Prometheus call workers, on one port, and nobody else', async () => {
    await applyPolicies()
    await becomes(false, () => reachesPod('stranger', 'worker'))
    expect(await reachesPod('operator', 'worker')).to.equal(true)
    expect(await reachesPod('prometheus', 'worker')).to.equal(true)
    expect(await reachesPod('prometheus', 'worker', 9000)).to.equal(false)
  })

  it('let Prometheus alone call the operator', async () => {
    expect(await reachesPod('prometheus', 'operator')).to.equal(true)
    expect(await reachesPod('stranger', 'operator')).to.equal(false)
    expect(await reachesPod('prometheus', 'operator', 9000)).to.equal(false)
  })

  it('let the operator call the API server and workers, and nobody else', async () => {
    const service = await cluster.kubectl('get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}')
    expect(await reaches('operator', service, 443)).to.equal(true)
    expect(await reachesPod('operator', 'stranger')).to.equal(false)
  })

  it('let workers call anyone, until they may call only what is named', async () => {
    expect(await reachesPod('worker', 'stranger', 9000)).to.equal(true)
    const rule = 'networkPolicy.workers.egress[0]'
    await applyPolicies(
      'networkPolicy.workers.restrictEgress=true',
      `${rule}.ports[0].port=9000`,
      `${rule}.to[0].podSelector.matchLabels.app\\.kubernetes\\.io/name=shop`,
    )
    await becomes(false, () => reachesPod('worker', 'stranger', 9464))
    expect(await reachesPod('worker', 'stranger', 9000)).to.equal(true)
    expect(await reachesPod('worker', 'prometheus', 9000)).to.equal(false)
  })

  it('of a job let its workers call what its two ends name, and nobody else', async () => {
    await cluster.kubectl('delete', 'networkpolicy', '-n', 'shop', 'sluice-workers')
    await becomes(true, () => reachesPod('worker', 'stranger', 9464))
    const { job, plan } = compiled()
    const source = { ...plan.source, spec: { host: addresses.get('stranger'), port: 9000 } }
    const s3 = { endpoint: 'http://store.monitoring.svc', accessKeyId: { value: 'a' } }
    const target = { ...plan.target, spec: { url: 's3://lake', s3 } }
    const around = {
      readers: [peerOf('operator'), peerOf('prometheus')],
      masters: [peerOf('operator')],
      egress: [],
    }
    const policy = buildNetworkPolicy(job, { ...plan, source, target }, around)
    await apply([{ ...policy, metadata: { ...policy.metadata, ownerReferences: [] } }])
    await becomes(false, () => reachesPod('worker', 'stranger', 9464))
    expect(await reachesPod('worker', 'stranger', 9000), 'the source').to.equal(true)
    expect(await reachesPod('worker', 'prometheus', 9000), 'where the target is').to.equal(true)
    expect(await reachesPod('worker', 'operator', 9000)).to.equal(false)
    expect(await reachesPod('prometheus', 'worker')).to.equal(true)
    expect(await reachesPod('stranger', 'worker')).to.equal(false)
  })
})

function peerOf(each: PodName): NetworkPeer {
  const { namespace, labels } = pods[each]
  const matchLabels = { 'kubernetes.io/metadata.name': namespace }
  return { namespaceSelector: { matchLabels }, podSelector: { matchLabels: { ...labels } } }
}

function podOf(each: PodName): object {
  const { namespace, labels } = pods[each]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: each, namespace, labels },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'server',
          image,
          imagePullPolicy: 'Never',
          command: ['/usr/local/bin/node', '-e', serve],
          readinessProbe: { tcpSocket: { port: 9464 }, periodSeconds: 1 },
        },
      ],
    },
  }
}
