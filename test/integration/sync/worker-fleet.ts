// Several workers of one job, each a process of its own with a pod in the eyes of a master: the real one, over an API
// server stand-in.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { WorkerStatus } from '#api/worker-status.ts'
import { secretValues } from '#cli/secret-manifest.ts'
import { readManifests } from '#cli/manifests.ts'
import { compile } from '#master/compile.ts'
import { MasterBed } from '#test/operator/heartbeat/master-bed.ts'
import { secretVariable } from '#worker/secrets.ts'
import { SluiceProcess } from './sluice-process.ts'

const job = { namespace: 'shop', name: 'job-0' }

export interface FleetWorker {
  pod: string
  process: SluiceProcess
}

export class WorkerFleet {
  readonly master: MasterBed
  /** Those that were started and not told to end. */
  readonly workers = new Set<FleetWorker>()
  readonly #folder: string
  #variables: Readonly<Record<string, string>> = {}
  #pods = 0

  private constructor(master: MasterBed, folder: string) {
    this.master = master
    this.#folder = folder
  }

  /** For the one job of these resources (YAML text). */
  static async open(yaml: string): Promise<WorkerFleet> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-fleet-'))
    const master = await MasterBed.create({}, ['normal'])
    master.removePod(`${job.name}-pod`)
    const fleet = new WorkerFleet(master, folder)
    await fleet.change(yaml)
    await master.start(1)
    return fleet
  }

  /** Workers that start from now on do what the job says then. */
  async change(yaml: string): Promise<void> {
    const { manifests, problems } = readManifests([{ name: 'job.yaml', text: yaml }])
    if (problems.length > 0) throw new Error(JSON.stringify(problems))
    const plan = { ...compile(manifests.syncJobs[0]!, manifests), job }
    await writeFile(join(this.#folder, 'plan.json'), JSON.stringify(plan))
    this.#variables = Object.fromEntries(
      manifests.secrets.flatMap(secret =>
        Object.entries(secretValues(secret)).map(([key, value]) => [
          secretVariable(secret.metadata.name, key),
          value,
        ]),
      ),
    ) as Record<string, string>
  }

  /** In a pod of its own; `plan` is the name of the plan it was started with, where the operator has a Deployment. */
  async start(plan?: string): Promise<FleetWorker> {
    const pod = `worker-${++this.#pods}`
    this.master.startPod(job.name, { name: pod, shared: true, ...(plan !== undefined && { plan }) })
    const token = join(this.#folder, pod)
    await writeFile(token, pod)
    const url = `http://127.0.0.1:${this.master.port}`
    const args = [
      '--plan',
      join(this.#folder, 'plan.json'),
      '--shared',
      '--master',
      url,
      '--master-token',
      token,
    ]
    const process = await SluiceProcess.prepareWorker(args, { ...this.#variables, POD_NAME: pod })
    process.start()
    const worker = { pod, process }
    this.workers.add(worker)
    return worker
  }

  /** As if its node were lost: nobody says that it is gone. */
  async lose(worker: FleetWorker): Promise<void> {
    this.workers.delete(worker)
    await worker.process.kill9()
  }

  /** As the kubelet ends a pod. The exit code. */
  async stop(worker: FleetWorker): Promise<number | null> {
    const code = await worker.process.stop()
    this.workers.delete(worker)
    this.master.removePod(worker.pod)
    return code
  }

  /** What the workers say that answer. */
  async statuses(): Promise<WorkerStatus[]> {
    const all = await Promise.all([...this.workers].map(({ process }) => process.status()))
    return all.filter(status => status !== null)
  }

  /** Rows that the processes of now have committed. */
  async rows(): Promise<number> {
    return (await this.statuses()).reduce((sum, { rowsTotal }) => sum + rowsTotal, 0)
  }

  /** The workers by the splits they read. */
  async readers(): Promise<Map<string, FleetWorker>> {
    const readers = new Map<string, FleetWorker>()
    for (const worker of this.workers)
      for (const [, split] of (await worker.process.metrics()).matchAll(
        /sluice_split_lag_seconds\{.*split="(.*?)"/g,
      ))
        readers.set(split!, worker)
    return readers
  }

  /** How many splits each worker reads, the least first. */
  async shares(): Promise<number[]> {
    const readers = [...(await this.readers()).values()]
    const counts = [...this.workers].map(worker => readers.filter(reader => reader === worker).length)
    return counts.toSorted((a, b) => a - b)
  }

  /** Waits until it is so; how long that took, ms. */
  async until(what: string, isSo: () => Promise<boolean>, timeoutMs = 60_000): Promise<number> {
    const sinceMs = performance.now()
    while (!(await isSo())) {
      if (performance.now() - sinceMs > timeoutMs)
        throw new Error(`${what}: not so after ${timeoutMs} ms; ${await this.#text()}`)
      await delay(100)
    }
    return Math.round(performance.now() - sinceMs)
  }

  async close(): Promise<void> {
    await Promise.all([...this.workers].map(({ process }) => process.kill9()))
    await this.master.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #text(): Promise<string> {
    const shares = [...(await this.readers())].map(([split, { pod }]) => `${split} ${pod}`)
    const logs = [...this.workers].map(({ pod, process }) => `${pod}: ${process.log.slice(-1500)}`)
    return [JSON.stringify(await this.statuses()), shares.join(', '), ...logs].join('\n')
  }
}
