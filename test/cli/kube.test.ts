// `sluice kube` and `kubectl-sluice` as a shell runs them.
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { condition, KubeTestBed } from './kube/cluster.ts'

const program = (name: string): string => fileURLToPath(new URL(`../../cli/${name}`, import.meta.url))

interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

describe('sluice kube', () => {
  let bed: KubeTestBed
  let folder: string
  let kubeconfig: string

  before(async () => {
    bed = await KubeTestBed.start()
    bed.putJob({ conditions: [condition('Ready', 'True', 'Streaming', 'fine')] })
    folder = await mkdtemp(join(tmpdir(), 'sluice-kube-'))
    kubeconfig = join(folder, 'config')
    await writeFile(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [
          {
            name: 'c',
            cluster: { server: bed.server.endpoint.url.origin, 'insecure-skip-tls-verify': true },
          },
        ],
        users: [{ name: 'u', user: {} }],
        contexts: [{ name: 'k', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
        'current-context': 'k',
      }),
    )
  })

  after(async () => {
    await bed.close()
    await rm(folder, { recursive: true })
  })

  function run(file: string, ...args: string[]): Promise<Outcome> {
    const env = { ...process.env, KUBECONFIG: kubeconfig }
    return new Promise(resolve => {
      const child = execFile(process.execPath, [file, ...args], { env }, (_, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }),
      )
    })
  }

  it('reads the kubeconfig, and ends', async () => {
    const { code, stdout, stderr } = await run(program('sluice.mjs'), 'kube', 'status')
    expect(stderr).to.equal('')
    expect(stdout).to.match(/shop-to-lake +True +Streaming/)
    expect(code).to.equal(0)
  })

  it('is the plugin of kubectl, also through a link on the PATH', async () => {
    const link = join(folder, 'kubectl-sluice')
    await symlink(program('kubectl-sluice.mjs'), link)
    const { code, stdout } = await run(link, 'status', 'shop-to-lake')
    expect(stdout).to.contain('SyncJob      shop/shop-to-lake')
    expect(code).to.equal(0)
  })

  it('says code, place and remedy when there is no such job', async () => {
    const { code, stderr } = await run(program('kubectl-sluice.mjs'), 'explain', 'shop-to-laek')
    expect(code).to.equal(1)
    expect(stderr).to.contain(
      'JOB_NOT_FOUND: namespace "shop" has no SyncJob "shop-to-laek"; did you mean "shop-to-lake"?',
    )
    expect(stderr).to.contain('What to do: ')
  })

  it('is 2 for a wrong command line, with the usage', async () => {
    for (const args of [
      ['stauts'],
      ['logs'],
      ['status', '--output', 'xml'],
      ['pause', 'a', 'b'],
      ['status', '--what'],
    ]) {
      const { code, stderr } = await run(program('kubectl-sluice.mjs'), ...args)
      expect(code, args.join(' ')).to.equal(2)
      expect(stderr).to.contain('Usage: kubectl sluice')
    }
  })

  it('prints its usage', async () => {
    const { code, stdout } = await run(program('kubectl-sluice.mjs'), '--help')
    expect(code).to.equal(0)
    expect(stdout).to.match(/^Usage: kubectl sluice status/)
  })
})
