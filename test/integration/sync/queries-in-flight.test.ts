// The limit of queries in flight over three workers with two lanes each, each worker a process of its own: counted at the
// server, while one is killed and while the master changes.
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
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { MasterBed } from '#test/operator/heartbeat/master-bed.ts'

const main = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url))
const workers = 3
const limit = 2
const rows = 700_000

describe('queries in flight of three workers', () => {
  requires('postgres')
  let server: PostgresServer
  let client: pg.Client
  let master: MasterBed
  let folder: string
  const children: ChildProcess[] = []

  before(async function () {
    this.timeout(120_000)
    server = await startPostgres()
    folder = await mkdtemp(join(tmpdir(), 'sluice-queries-'))
    const priorities = Array.from({ length: workers }, () => 'normal')
    master = await MasterBed.create({ queriesInFlight: limit }, priorities)
    client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query(`
      CREATE TABLE wide (id bigint PRIMARY KEY, note text NOT NULL);
      INSERT INTO wide SELECT i, repeat(md5(i::text), 2) FROM generate_series(1, ${rows}) i;
      ANALYZE wide`)
  })

  after(async function () {
    this.timeout(60_000)
    for (const child of children)
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    await client.end()
    await master.close()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function startWorker(index: number): Promise<ChildProcess> {
    const [plan, token] = [join(folder, `plan-${index}.json`), join(folder, `token-${index}`)]
    await writeFile(plan, JSON.stringify(planOf(index)))
    await writeFile(token, `job-${index}-pod\n`)
    const url = `http://127.0.0.1:${master.port}`
    const args = ['worker', '--plan', plan, '--host', '127.0.0.1', '--port', '0', '--log-level', 'error']
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
    const { host, port, database, user, password } = server
    const access = { user: { value: user }, password: { value: password }, tls: { mode: 'disable' } }
    const source = object('DataSource', 'shop-db', {
      type: 'postgres',
      postgres: { host, port, database, ...access, snapshot: { rangeBytes: 8 * 1024 * 1024 } },
      protection: { limits: { queriesInFlight: limit } },
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
      worker: { lanes: 2, bufferSize: '32Mi' },
    })
    const dataSources = [source, lake].map(each => resourceSchema(dataSource).parse(each))
    return compile(resourceSchema(syncJob).parse(job), { dataSources, virtualTables: [] })
  }

  /** How many read the table at a moment, again and again until the signal aborts. */
  async function watch(signal: AbortSignal): Promise<number[]> {
    const counts: number[] = []
    while (!signal.aborted) {
      const { rows: found } = await client.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (SELECT%'`,
      )
      counts.push(found[0]!.count)
      await delay(10)
    }
    return counts
  }

  it('are never more than the limit, also while one is killed and the master changes, and all is read', async () => {
    await master.start(1)
    const watching = new AbortController()
    const watched = watch(watching.signal)
    const [first, second, third] = await Promise.all([0, 1, 2].map(index => startWorker(index)))
    const ended = [first!, third!].map(async child => (await once(child, 'exit'))[0] as number)
    await delay(8_000)
    second!.kill('SIGKILL')
    master.removePod('job-1-pod')
    await delay(3_000)
    const { port } = master
    await master.stop()
    await delay(5_000)
    await master.start(2, port)
    expect(await Promise.all(ended), 'exit codes of the others, which read all there is').to.deep.equal([
      0, 0,
    ])
    watching.abort()
    const counts = await watched
    const most = Math.max(...counts)
    console.log(`      ${counts.length} looks, most at a time: ${most}, limit ${limit}`)
    expect(most).to.be.within(1, limit)
  }).timeout(240_000)
})
