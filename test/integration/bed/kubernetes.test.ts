import { expect } from 'chai'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { buildImage, nodePrograms } from '#test/bed/image.ts'
import { type BedKubernetes, startKubernetes } from '#test/bed/kubernetes.ts'
import { requires } from '#test/bed/requires.ts'

describe('bed: Kubernetes', function () {
  this.timeout(900_000) // another suite may hold the machine's one node for a while
  requires('kubernetes')

  describe('without a node', () => {
    it('serves the API and checks what is applied', async () => {
      const cluster = await startKubernetes({ node: false })
      try {
        expect(await cluster.kubectl('get', 'namespace', 'default', '-o', 'name')).to.equal(
          'namespace/default\n',
        )
        const refused = await cluster
          .kubectl('create', 'deployment', 'Bad_Name', '--image=x')
          .catch(e => e as Error)
        expect(refused).to.be.an('error').with.property('message').that.includes('RFC 1123')
      } finally {
        await cluster.stop()
      }
      expect(existsSync(dirname(cluster.kubeconfig))).to.equal(false)
    })
  })

  describe('with a node', () => {
    let dir: string
    let cluster: BedKubernetes
    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'sluice-image-'))
      cluster = await startKubernetes({ node: true, dns: true, networkPolicy: true })
    })
    after(async () => {
      await cluster.stop()
      await rm(dir, { recursive: true })
    })

    it('runs an image of ours, which reaches a server of this machine by name', async () => {
      const server = createServer((_request, response) => response.end('from the host'))
      await new Promise<void>(resolve => server.listen(0, cluster.nodeIp, resolve))
      const { port } = server.address() as AddressInfo
      const main = `const answer = await fetch('http://host.bed.local:${port}/')\nconsole.log(await answer.text())\n`
      await writeFile(join(dir, 'main.mjs'), main)
      const image = 'bed.local/smoke:1'
      const out = join(dir, 'smoke.tar')
      const entrypoint = ['/usr/local/bin/node', '/app/main.mjs']
      await buildImage({
        name: image,
        out,
        programs: nodePrograms,
        copies: { [join(dir, 'main.mjs')]: '/app/main.mjs' },
        entrypoint,
      })
      await cluster.importImage(out)

      await cluster.kubectl(
        'run',
        'smoke',
        `--image=${image}`,
        '--restart=Never',
        '--image-pull-policy=Never',
      )
      const succeeded = '--for=jsonpath={.status.phase}=Succeeded'
      await cluster.kubectl('wait', succeeded, 'pod/smoke', '--timeout=120s')
      expect(await cluster.kubectl('logs', 'smoke')).to.equal('from the host\n')
      server.close()
    })
  })
})
