// What a worker pod and a teardown pod run, with what the operator mounts into them: a plan and secrets as files.
import { expect } from 'chai'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import type { Plan } from '#api/plan.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import { readManifests } from '#cli/manifests.ts'
import { compile } from '#master/compile.ts'
import { readComplaint } from '#operator/sync-job/check-job.ts'
import { startEmbeddedPostgres, type PostgresServer } from '#scripts/embedded-postgres.ts'
import { freePort } from '#scripts/free-port.ts'
import { startBlackHole } from '#test/bed/black-hole.ts'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

function start(...args: string[]): { child: ChildProcess; ended: Promise<number | null>; log: () => string } {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.on('data', chunk => (text += String(chunk)))
  return { child, ended: once(child, 'exit').then(([code]) => code as number | null), log: () => text }
}

describe('sluice worker, check, probe and teardown', function () {
  this.timeout(60_000)
  let server: PostgresServer
  let client: Client
  let folder: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-worker-'))
    server = await startEmbeddedPostgres()
    client = new Client({ connectionString: server.url })
    await client.connect()
    await client.query('create table orders (id int primary key, note text)')
    await client.query("insert into orders select i, 'n' || i from generate_series(1, 100) i")
    await writeFile(join(folder, 'plan.json'), JSON.stringify(plan()))
    await mkdir(join(folder, 'secrets', 'db'), { recursive: true })
    await writeFile(join(folder, 'secrets', 'db', 'password'), server.password)
  })

  after(async () => {
    await client?.end()
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  function plan(): Plan {
    const { host, port, database, user } = server
    const text = `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: db}
spec:
  type: postgres
  postgres:
    {host: "${host}", port: ${port}, database: ${database}, user: {value: ${user}}, tls: {mode: disable},
     password: {secretKeyRef: {name: db, key: password}}}
---
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: lake}
spec: {type: hudi, hudi: {url: "file://${folder}/lake"}}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: job}
spec: {source: {name: db}, target: {name: lake}, tables: [{include: public.orders}], worker: {lanes: 1}}
`
    const { manifests, problems } = readManifests([{ name: 'job.yaml', text }])
    expect(problems).to.deep.equal([])
    return compile(manifests.syncJobs[0]!, manifests)
  }

  const rule = (include: string): object => ({
    include,
    exclude: [],
    targetTable: null,
    key: null,
    options: {},
  })
  const paths = () => ['--plan', join(folder, 'plan.json'), '--secrets', join(folder, 'secrets')]

  async function madeAtSource(): Promise<number> {
    const { rows } = await client.query(
      'select (select count(*) from pg_replication_slots) + (select count(*) from pg_publication) as made',
    )
    return Number(rows[0].made)
  }

  it('syncs until SIGTERM, and cleans up when asked, as often as asked', async () => {
    const port = await freePort()
    const worker = start('worker', ...paths(), '--host', '127.0.0.1', '--port', String(port))
    let status: WorkerStatus | null = null
    while (status?.phase !== 'streaming' || status.rowsTotal < 100) {
      if (worker.child.exitCode !== null) throw new Error(`the worker ended: ${worker.log()}`)
      await delay(50)
      const response = await fetch(`http://127.0.0.1:${port}/status`).catch(() => null)
      status = response?.ok === true ? ((await response.json()) as WorkerStatus) : null
    }
    worker.child.kill('SIGTERM')
    expect(await worker.ended, worker.log()).to.equal(0)
    expect(worker.log()).to.not.include(server.password)
    expect(await readdir(join(folder, 'lake'))).to.include('orders')
    expect(await madeAtSource()).to.equal(2)

    const probe = async (): Promise<{ code: number | null; says: string | undefined }> => {
      const { ended, log } = start('probe', ...paths())
      return { code: await ended, says: /^sluice probe: (.*)$/m.exec(log())?.[1] }
    }
    expect(await probe()).to.deep.equal({ code: 0, says: undefined })
    await client.query("insert into orders values (0, 'late')")
    expect(await probe()).to.deep.equal({ code: 10, says: 'At least 1 change waits in the log.' })
    const report = join(folder, 'report.json')
    const other = ['--plan', join(folder, 'other.json'), '--report', report]
    await writeFile(other[1]!, JSON.stringify({ ...plan(), tables: [rule('public.nothing')] }))
    const both = start('probe', ...paths(), ...other)
    expect(await both.ended, both.log()).to.equal(10)
    expect(both.log()).to.match(/^sluice probe: other: TABLE_NOT_FOUND: /m)
    const [seen, missing, ...more] = JSON.parse(await readFile(report, 'utf8')) as Record<string, string>[]
    expect([seen, missing?.['failed'], more]).to.deep.equal([
      { unread: 'At least 1 change waits in the log.' },
      'TABLE_NOT_FOUND: The source db has no table public.nothing; it has public.orders',
      [],
    ])
    expect(await madeAtSource(), 'as before').to.equal(2)

    for (const time of ['first', 'second']) {
      const teardown = start('teardown', ...paths())
      expect(await teardown.ended, `${time}: ${teardown.log()}`).to.equal(0)
      expect(await madeAtSource()).to.equal(0)
    }
    expect(await readdir(join(folder, 'lake'))).to.include('orders')
  })

  it('checks a plan without making anything at the source, beside a worker or without one', async () => {
    const check = start('check', ...paths())
    expect(await check.ended, check.log()).to.equal(0)
    expect(check.log()).to.include('"tables":1')
    expect(await madeAtSource()).to.equal(0)
  })

  const cases: { name: string; change: () => object; says: string; names: string }[] = [
    {
      name: 'a table that is not there',
      change: () => ({ tables: [rule('public.ordesr')] }),
      says: 'TABLE_NOT_FOUND',
      names: 'public.ordesr',
    },
    {
      name: 'a table whose changes cannot be streamed',
      change: () => ({ tables: [rule('public.keyless')] }),
      says: 'PG_REPLICA_IDENTITY',
      names: 'public.keyless',
    },
    {
      name: 'a password that is wrong',
      change: () => ({
        source: { ...plan().source, spec: { ...plan().source.spec, password: { value: 'x' } } },
      }),
      says: 'SOURCE_AUTH_FAILED',
      names: 'password',
    },
    {
      name: 'a target that cannot be written',
      change: () => ({
        target: { ...plan().target, spec: { ...plan().target.spec, url: `file://${folder}/plan.json` } },
      }),
      says: 'STORAGE_',
      names: 'plan.json',
    },
  ]

  for (const { name, change, says, names } of cases)
    it(`does not let a plan take the place of another for ${name}`, async () => {
      await client.query('create table if not exists keyless (id int)')
      await writeFile(join(folder, 'changed.json'), JSON.stringify({ ...plan(), ...change() }))
      const check = start('check', '--plan', join(folder, 'changed.json'), ...paths().slice(2))
      expect(await check.ended, check.log()).to.equal(1)
      const { reason, message } = readComplaint(check.log())
      expect(reason, check.log()).to.include(says)
      expect(message).to.include(names)
      expect(await madeAtSource()).to.equal(0)
    }).timeout(15_000)

  it('ends with 1 and says why when the secret is not there', async () => {
    const teardown = start('teardown', '--plan', join(folder, 'plan.json'), '--secrets', join(folder, 'none'))
    expect(await teardown.ended).to.equal(1)
    expect(teardown.log()).to.include('SECRET_MISSING').and.to.include('Secret db has no key password')
  })

  it('ends with 1 and says why when the plan is none', async () => {
    await writeFile(join(folder, 'broken.json'), '{"version": 2}')
    const worker = start('worker', '--plan', join(folder, 'broken.json'))
    expect(await worker.ended).to.equal(1)
    expect(worker.log()).to.include('SPEC_INVALID').and.to.include('broken.json')
  })

  it('does not start to share a job when nobody would say what to read', async () => {
    const worker = start('worker', '--plan', join(folder, 'plan.json'), '--shared')
    expect(await worker.ended).to.equal(2)
    expect(worker.log()).to.include('--shared needs --master URL')
  })

  it('ends at SIGTERM while it waits for brokers that take connections and say nothing', async () => {
    const hole = await startBlackHole({ host: '127.0.0.1', port: 1 })
    hole.fallSilent()
    const silent = join(folder, 'silent.json')
    const source = { type: 'kafka', name: 'broker', spec: { brokers: [`127.0.0.1:${hole.port}`] } }
    await writeFile(silent, JSON.stringify({ ...plan(), source }))
    try {
      const worker = start('worker', '--plan', silent, '--host', '127.0.0.1', '--port', '0')
      while (hole.connections === 0) {
        if (worker.child.exitCode !== null) throw new Error(`the worker ended: ${worker.log()}`)
        await delay(20)
      }
      worker.child.kill('SIGTERM')
      expect(await worker.ended, worker.log()).to.equal(0)
    } finally {
      await hole.stop()
    }
  }).timeout(15_000)
})
