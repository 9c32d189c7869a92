// `sluice run` as people start it: a process that ends when it cannot do what it was started for.
import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '#scripts/free-port.ts'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

const source = `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: db}
spec:
  type: postgres
  postgres: {host: 127.0.0.1, port: 1, database: d, user: {value: u}, tls: {mode: disable}}
`
const job = (name: string): string => `---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: ${name}}
spec: {source: {name: db}, target: {name: lake}, tables: [{include: public.t}], worker: {lanes: 1}}
`

describe('sluice run', () => {
  let folder: string
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'sluice-run-'))))
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('ends as a whole when one of its jobs cannot start', async () => {
    const lake = `---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec: {type: hudi, hudi: {url: "file://${folder}/lake"}}
`
    await writeFile(join(folder, 'jobs.yaml'), source + lake + job('one') + job('two'))
    const port = await freePort()
    const taken = createServer().listen(port + 1, '127.0.0.1')
    await once(taken, 'listening')
    try {
      const args = ['run', '-f', join(folder, 'jobs.yaml'), '--port', String(port), '--log-level', 'silent']
      const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
      let said = ''
      child.stderr.on('data', chunk => (said += String(chunk)))
      const [code] = (await once(child, 'exit', { signal: AbortSignal.timeout(15_000) }).finally(() =>
        child.kill('SIGKILL'),
      )) as [number | null]
      expect(code).to.equal(1)
      expect(said).to.include('EADDRINUSE')
    } finally {
      taken.close()
    }
  })
})
