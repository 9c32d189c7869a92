// Workers' tokens on a real API server, reviewed with the rights that manifests/install.yaml grants the operator.
import { expect } from 'chai'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import { systemClock } from '#common/clock.ts'
import { TokenReviewer, masterAudience } from '#operator/heartbeat/token-review.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { loadEndpoint } from '#operator/kube/endpoint.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { startKubernetes } from '#test/bed/kubernetes.ts'
import { requires } from '#test/bed/requires.ts'

const install = fileURLToPath(new URL('../../../manifests/install.yaml', import.meta.url))
const podYaml = `
apiVersion: v1
kind: Pod
metadata: {name: orders-worker-1}
spec:
  serviceAccountName: orders-worker
  containers: [{name: worker, image: none}]
`

describe('tokens of workers on a real API server', () => {
  requires('kubernetes')
  let cluster: BedKubernetes
  let client: KubeClient
  let folder: string

  before(async function () {
    this.timeout(180_000)
    folder = await mkdtemp(join(tmpdir(), 'sluice-tokens-'))
    cluster = await startKubernetes({ node: false })
    await cluster.kubectl('apply', '--server-side', '-f', install)
    await cluster.kubectl('create', 'serviceaccount', 'orders-worker')
    await writeFile(join(folder, 'pod.yaml'), podYaml)
    await cluster.kubectl('apply', '-f', join(folder, 'pod.yaml'))
    client = await asOperator()
  })

  after(async function () {
    this.timeout(60_000)
    client?.close()
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function asOperator(): Promise<KubeClient> {
    const config = parse(await readFile(cluster.kubeconfig, 'utf8'))
    const token = await cluster.kubectl('create', 'token', 'sluice-operator', '-n', 'sluice-system')
    config.users[0].user = { token: token.trim() }
    const kubeconfig = join(folder, 'kubeconfig')
    await writeFile(kubeconfig, stringify(config))
    return new KubeClient(await loadEndpoint(systemClock, { kubeconfig }))
  }

  const tokenOf = async (...options: string[]): Promise<string> =>
    (await cluster.kubectl('create', 'token', 'orders-worker', ...options)).trim()
  const ofPod = ['--bound-object-kind', 'Pod', '--bound-object-name', 'orders-worker-1']
  const identify = (token: string) => new TokenReviewer(client, systemClock).identify(token, '10.1.2.3')

  it('tell whose pod they are of', async () => {
    const uid = await cluster.kubectl('get', 'pod', 'orders-worker-1', '-o', 'jsonpath={.metadata.uid}')
    expect(await identify(await tokenOf('--audience', masterAudience, ...ofPod))).to.deep.equal({
      namespace: 'default',
      serviceAccount: 'orders-worker',
      pod: 'orders-worker-1',
      podUid: uid,
    })
  })

  it('are not taken for another audience, of no pod, or made up', async () => {
    expect(await identify(await tokenOf(...ofPod)), 'for the API server').to.equal(null)
    expect(await identify(await tokenOf('--audience', masterAudience)), 'of no pod').to.equal(null)
    expect(await identify('made.up.token'), 'made up').to.equal(null)
  })

  it('end with their pod', async () => {
    const token = await tokenOf('--audience', masterAudience, ...ofPod)
    await cluster.kubectl('delete', 'pod', 'orders-worker-1', '--grace-period=0', '--force')
    expect(await identify(token)).to.equal(null)
  })
})
