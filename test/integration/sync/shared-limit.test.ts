// The limit of a DataSource over eight workers, each a process of its own, that could read three times as much: counted
// between the server and all of them, while one is killed and while the master changes.
import { expect } from 'chai'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { apiVersion, resourceSchema } from '#api/resource.ts'
import { dataSource, syncJob } from '#connectors/resource-kinds.ts'
import { compile } from '#master/compile.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { CountingProxy } from '#test/bed/counting-proxy.ts'
import { countRows, startCountingProxy, windowSums } from '#test/bed/counting-proxy.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { MasterBed } from '#test/operator/heartbeat/master-bed.ts'

const main = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url))
const workers = 8
const limit = 4_000
const rows = 150_000
const windowTenths = 100

describe('one limit over eight workers', () => {
  let server: PostgresServer
  let proxy: CountingProxy
  let master: MasterBed
  let folder: string
  const children: ChildProcess[] = []

  before(async function () {
    this.timeout(120_000)
    server = await startPostgres()
    proxy = await startCountingProxy(server, () => countRows(100))
    folder = await mkdtemp(join(tmpdir(), 'sluice-limit-'))
    master = await MasterBed.create(
      { recordsPerSecond: limit },
      Array.from({ length: workers }, () => 'normal'),
    )
    const { host, port, user, password, database } = server
    const client = new pg.Client({ host, port, user, password, database })
    await client.connect()
    await client.query('CREATE TABLE wide (id bigint PRIMARY KEY, note text NOT NULL)')
    await client.query(
      `INSERT INTO wide SELECT i, repeat(md5(i::text), 3) FROM generate_series(1, ${rows}) i`,
    )
    await client.query('ANALYZE wide')
    await client.end()
  })

  after(async function () {
    this.timeout(60_000)
    for (const child of children)
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    await master.close()
    await proxy.stop()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function startWorker(index: number): Promise<ChildProcess> {
    const [plan, token] = [join(folder, `plan-${index}.json`), join(folder, `token-${index}`)]
    await writeFile(plan, JSON.stringify(planOf(index)))
    await writeFile(token, `job-${index}-pod\n`)
    const url = `http://127.0.0.1:${master.port}`
    const args = ['worker', '--plan', plan, '--host', '127.0.0.1', '--port', '0', '--log-level', 'warn']
    const child = spawn(process.execPath, [main, ...args, '--master', url, '--master-token', token], {
      env: { ...process.env, POD_NAME: `job-${index}-pod` },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    children.push(child)
    return child
  }

  function planOf(index: number): object {
    const object = (kind: string, name: string, spec: object): object => ({
      apiVersion,
      kind,
      metadata: { name, namespace: 'shop' },
      spec,
    })
    const { database, user, password } = server
    const access = { user: { value: user }, password: { value: password }, tls: { mode: 'disable' } }
    const source = object('DataSource', 'shop-db', {
      type: 'postgres',
      postgres: { host: '127.0.0.1', port: proxy.port, database, ...access },
      protection: { limits: { recordsPerSecond: limit } },
    })
    const lake = object('DataSource', 'lake', {
      type: 'hudi',
      hudi: { url: `file://${folder}/lake-${index}` },
    })
    const job = object('SyncJob', `job-${index}`, {
      source: { name: 'shop-db' },
      target: { name: 'lake' },
      tables: [{ include: 'public.wide' }],
      mode: 'snapshot',
      worker: { lanes: 1, bufferSize: '32Mi' },
    })
    const dataSources = [source, lake].map(each => resourceSchema(dataSource).parse(each))
    return compile(resourceSchema(syncJob).parse(job), { dataSources, virtualTables: [] })
  }

  /** Seconds later, the rows of the last ten of them. */
  async function rowsAfter(seconds: number, what: string): Promise<number> {
    await delay(seconds * 1000)
    const last = windowSums(proxy.byTenth, windowTenths).at(-1)!
    console.log(`      ${what}: ${last} rows in the last 10 s, limit ${limit * 10}`)
    return last
  }

  it('holds at all times, also while one is killed and while the master changes', async () => {
    await master.start(1)
    const started = await Promise.all(Array.from({ length: workers }, (_, index) => startWorker(index)))
    for (let waited = 0; proxy.byTenth.length === 0 && waited < 900; waited++) await delay(100)
    expect(await rowsAfter(35, 'eight workers')).to.be.greaterThan(0)
    started[3]!.kill('SIGKILL')
    await rowsAfter(25, 'after a worker was killed')
    await startWorker(3)
    await rowsAfter(25, 'when it is back')
    const { port } = master
    await master.stop()
    expect(await rowsAfter(25, 'without a master'), 'floors').to.be.greaterThan(0)
    await master.start(2, port)
    await rowsAfter(35, 'with a new master')
    const sums = windowSums(proxy.byTenth, windowTenths)
    console.log(`      most in any 10 s: ${Math.max(...sums)}`)
    expect(Math.max(...sums)).to.be.at.most(limit * 10 * 1.05)
  }).timeout(400_000)
})
