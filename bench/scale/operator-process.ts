// The operator as a process of its own, measured from outside: its cost from the kernel, its calls from its metrics.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '#scripts/free-port.ts'
import { ServerProcess } from '#scripts/server-process.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { processCost } from '../process-cost.ts'
import type { ProcessCost } from '../process-cost.ts'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

export interface OperatorCounts extends ProcessCost {
  reads: number
  writes: number
  /** SyncJobs that wait to be looked at. */
  queued: number
  /** SyncJobs that it has not looked at since it leads. */
  unseen: number
  leads: boolean
}

/** The same for all, since it is in the pods of every worker; the fleet's have nobody in them who would ask it. */
const masterUrl = 'http://operators.bench:9465'

export class OperatorProcess {
  readonly #process: ServerProcess
  readonly #port: number
  readonly masterPort: number

  private constructor(process: ServerProcess, port: number, masterPort: number) {
    this.#process = process
    this.#port = port
    this.masterPort = masterPort
  }

  static async start(cluster: Pick<BedKubernetes, 'env'>, dir: string): Promise<OperatorProcess> {
    const [port, masterPort] = [await freePort(), await freePort()]
    const master = ['--master-url', masterUrl, '--master-port', String(masterPort)]
    const args = ['--worker-image', 'bed.local/none:1', '--lease-namespace', 'default', '--log-level', 'warn']
    const process = await ServerProcess.start({
      name: 'operator',
      command: globalThis.process.execPath,
      args: [main, 'operator', ...args, ...master, '--host', '127.0.0.1', '--port', String(port)],
      env: cluster.env,
      logPath: join(dir, 'operator.log'),
      ready: async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok,
      readyTimeoutMs: 30_000,
      stopSignal: 'SIGTERM',
      stopTimeoutMs: 20_000,
      orphanSignal: 'KILL',
    })
    return new OperatorProcess(process, port, masterPort)
  }

  async isReady(): Promise<boolean> {
    return (await fetch(`http://127.0.0.1:${this.#port}/readyz`)).ok
  }

  async counts(): Promise<OperatorCounts> {
    const text = await fetch(`http://127.0.0.1:${this.#port}/metrics`).then(answer => answer.text())
    const calls = [...text.matchAll(/^sluice_operator_api_requests_total\{.*method="(\w+)".*\} (\d+)/gm)]
    const sum = (isWrite: boolean): number =>
      calls
        .filter(([, method]) => (method !== 'GET') === isWrite)
        .reduce((total, [, , count]) => total + Number(count), 0)
    const unseen = /^sluice_operator_unseen_jobs (\d+)/m.exec(text)
    const queued = /^sluice_operator_queue_depth\{controller="sync-job"\} (\d+)/m.exec(text)
    return {
      ...(await processCost(this.#process.pid)),
      reads: sum(false),
      writes: sum(true),
      queued: Number(queued?.[1] ?? 0),
      unseen: Number(unseen?.[1] ?? 0),
      leads: /^sluice_operator_leading 1/m.test(text),
    }
  }

  kill9(): Promise<void> {
    return this.#process.kill9()
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }
}
