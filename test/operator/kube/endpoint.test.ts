import { expect } from 'chai'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import { loadEndpoint } from '#operator/kube/endpoint.ts'

const kubeconfig = `
apiVersion: v1
kind: Config
clusters:
  - {name: near, cluster: {server: "https://near.example:6443"}}
  - {name: far, cluster: {server: "https://far.example:6443"}}
users:
  - {name: ann, user: {token: t}}
contexts:
  - {name: near, context: {cluster: near, user: ann}}
  - {name: far-away, context: {cluster: far, user: ann, namespace: shop}}
  - {name: broken, context: {cluster: gone, user: ann}}
current-context: near
`

describe('loadEndpoint', () => {
  let folder: string
  let file: string
  const before = { KUBECONFIG: process.env['KUBECONFIG'], HOME: process.env['HOME'] }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-kubeconfig-'))
    file = join(folder, 'config')
    await writeFile(file, kubeconfig)
    process.env['KUBECONFIG'] = file
    process.env['HOME'] = folder
  })

  afterEach(async () => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    await rm(folder, { recursive: true })
  })

  const failure = async (choice: Parameters<typeof loadEndpoint>[1]): Promise<string> =>
    loadEndpoint(systemClock, choice).then(
      () => 'no error',
      (error: unknown) => (error instanceof ConfigError ? `${error.code}: ${error.message}` : String(error)),
    )

  it('takes the current context', async () => {
    const { url, namespace } = await loadEndpoint(systemClock)
    expect(`${url.href} ${namespace}`).to.equal('https://near.example:6443/ default')
  })

  it('takes the context that is asked for, and its namespace', async () => {
    const { url, namespace, context } = await loadEndpoint(systemClock, { context: 'far-away' })
    expect(`${url.href} ${namespace} ${context}`).to.equal('https://far.example:6443/ shop far-away')
  })

  it('takes the file that is asked for', async () => {
    const other = join(folder, 'other')
    await writeFile(other, kubeconfig.replaceAll('near.example', 'other.example'))
    const { url } = await loadEndpoint(systemClock, { kubeconfig: other })
    expect(url.host).to.equal('other.example:6443')
  })

  it('helps with the name of a context', async () => {
    expect(await failure({ context: 'far-awya' })).to.equal(
      'KUBE_CONFIG_INVALID: the kubeconfig has no context "far-awya"; did you mean "far-away"?',
    )
    expect(await failure({ context: 'production' })).to.contain('there are: near, far-away, broken')
  })

  it('says what is wrong with a context', async () => {
    expect(await failure({ context: 'broken' })).to.match(
      /^KUBE_CONFIG_INVALID: .*"broken".* names no cluster/,
    )
  })

  it('says that a file is missing, or is no kubeconfig', async () => {
    expect(await failure({ kubeconfig: join(folder, 'none') })).to.match(/^KUBE_CONFIG_MISSING/)
    await writeFile(file, 'a: [')
    expect(await failure({})).to.match(/^KUBE_CONFIG_INVALID/)
  })

  it('never falls back to a server on this machine', async () => {
    delete process.env['KUBECONFIG']
    expect(await failure({})).to.match(/^KUBE_CONFIG_MISSING: no cluster/)
  })
})
