// Workers of jobs that each copy the table `wide` of one PostgreSQL database with limits, every worker a process of its own,
// and the master that shares out the limits, over an API server stand-in.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plan } from '#api/plan.ts'
import { apiVersion, resourceSchema } from '#api/resource.ts'
import { dataSource, syncJob } from '#connectors/resource-kinds.ts'
import { compile } from '#master/compile.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { MasterBed } from '#test/operator/heartbeat/master-bed.ts'

const main = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url))

export interface LimitedWorkersOptions {
  jobs: number
  server: PostgresServer
  /** Of the DataSource: its `protection.limits`, and more of its `postgres`. */
  limits: { recordsPerSecond: number } | { queriesInFlight: number } | { connections: number }
  postgres: object
  lanes: number
  /** Jobs that go on with the log when they have copied the table, by their place. */
  streams?: readonly number[]
}

export class LimitedWorkers {
  readonly master: MasterBed
  readonly #options: LimitedWorkersOptions
  readonly #folder: string
  readonly #children: ChildProcess[] = []

  private constructor(options: LimitedWorkersOptions, bed: { master: MasterBed; folder: string }) {
    this.#options = options
    this.#folder = bed.folder
    this.master = bed.master
  }

  static async open(options: LimitedWorkersOptions): Promise<LimitedWorkers> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-limit-'))
    const priorities = Array.from({ length: options.jobs }, () => 'normal')
    return new LimitedWorkers(options, { folder, master: await MasterBed.create(options.limits, priorities) })
  }

  /** The worker of `job-<index>`, in the pod it had. */
  async start(index: number): Promise<ChildProcess> {
    if (!this.#hasPod(index)) this.master.startPod(`job-${index}`)
    const [plan, token] = [join(this.#folder, `plan-${index}.json`), join(this.#folder, `token-${index}`)]
    await writeFile(plan, JSON.stringify(this.#planOf(index)))
    await writeFile(token, `job-${index}-pod\n`)
    const url = `http://127.0.0.1:${this.master.port}`
    const args = ['worker', '--plan', plan, '--host', '127.0.0.1', '--port', '0', '--log-level', 'warn']
    const child = spawn(process.execPath, [main, ...args, '--master', url, '--master-token', token], {
      env: { ...process.env, POD_NAME: `job-${index}-pod` },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    this.#children.push(child)
    // As the operator does with the pods of a job that is done.
    child.once('exit', code => code === 0 && this.#removePod(index))
    return child
  }

  /** Kills the worker, if it has not ended by itself, and its pod is gone. */
  lose(index: number, child: ChildProcess): void {
    child.kill('SIGKILL')
    this.#removePod(index)
  }

  #hasPod(index: number): boolean {
    return this.master.identityOf(`job-${index}-pod`) !== null
  }

  #removePod(index: number): void {
    if (this.#hasPod(index)) this.master.removePod(`job-${index}-pod`)
  }

  async close(): Promise<void> {
    for (const child of this.#children)
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    await this.master.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #planOf(index: number): Plan {
    const object = (kind: string, name: string, spec: object): object => ({
      apiVersion,
      kind,
      metadata: { name, namespace: 'shop' },
      spec,
    })
    const { server, limits, postgres, lanes, streams = [] } = this.#options
    const { host, port, database, user, password } = server
    const access = { user: { value: user }, password: { value: password }, tls: { mode: 'disable' } }
    const source = object('DataSource', 'shop-db', {
      type: 'postgres',
      postgres: { host, port, database, ...access, ...postgres },
      protection: { limits },
    })
    const lake = object('DataSource', 'lake', {
      type: 'hudi',
      hudi: { url: `file://${this.#folder}/lake-${index}` },
    })
    const job = object('SyncJob', `job-${index}`, {
      source: { name: 'shop-db' },
      target: { name: 'lake' },
      tables: [{ include: 'public.wide' }],
      mode: streams.includes(index) ? 'snapshotAndStream' : 'snapshot',
      worker: { lanes, bufferSize: '32Mi' },
    })
    const dataSources = [source, lake].map(each => resourceSchema(dataSource).parse(each))
    return compile(resourceSchema(syncJob).parse(job), { dataSources, virtualTables: [] })
  }
}
