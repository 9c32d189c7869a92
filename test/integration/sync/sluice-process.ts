// `sluice run` or `sluice worker` as a process of its own, so that it can be killed the way a kernel or a kubelet kills it.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { WorkerStatus } from '#api/worker-status.ts'
import { freePort } from '#scripts/free-port.ts'

const main = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url))

export class SluiceProcess {
  readonly #args: readonly string[]
  readonly #port: number
  readonly #environment: Readonly<Record<string, string>>
  readonly #nodeArgs: readonly string[]
  #child: ChildProcess | null = null
  #stderr = ''

  private constructor(
    args: readonly string[],
    port: number,
    {
      environment = {},
      nodeArgs = [],
    }: { environment?: Readonly<Record<string, string>>; nodeArgs?: readonly string[] } = {},
  ) {
    this.#args = args
    this.#port = port
    this.#environment = environment
    this.#nodeArgs = nodeArgs
  }

  /** Prepares to run these resources (YAML text); start() begins. @param nodeArgs of Node itself */
  static async prepare(yaml: string, nodeArgs: readonly string[] = []): Promise<SluiceProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-sync-'))
    const file = join(folder, 'job.yaml')
    await writeFile(file, yaml)
    const port = await freePort()
    const args = ['run', '-f', file, '--port', String(port), '--log-level', 'warn']
    return new SluiceProcess(args, port, { nodeArgs })
  }

  /** Prepares a worker with these arguments and variables; start() begins. */
  static async prepareWorker(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<SluiceProcess> {
    const port = await freePort()
    const all = ['worker', ...args, '--host', '127.0.0.1', '--port', String(port), '--log-level', 'warn']
    return new SluiceProcess(all, port, { environment })
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('sluice is not running')
    return this.#child.pid
  }

  /** Where it tells Prometheus how it does. */
  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** What it logged so far (JSON lines). */
  get log(): string {
    return this.#stderr
  }

  start(): void {
    const child = spawn(process.execPath, [...this.#nodeArgs, main, ...this.#args], {
      env: { ...process.env, ...this.#environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.#child = child
  }

  /** True while the process lives. */
  get alive(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Asks it to drain and waits; returns the exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM')
  }

  async status(): Promise<WorkerStatus | null> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/status`).catch(() => null)
    return response?.ok ? ((await response.json()) as WorkerStatus) : null
  }

  /** What it tells Prometheus; empty while it does not answer. */
  async metrics(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/metrics`).catch(() => null)
    return response?.ok ? response.text() : ''
  }

  /** Waits until the condition holds of the status; throws with the last status and the log when it does not. */
  async until(condition: (status: WorkerStatus) => boolean, timeoutMs = 60_000): Promise<WorkerStatus> {
    const deadline = Date.now() + timeoutMs
    let last: WorkerStatus | null = null
    while (Date.now() < deadline) {
      last = await this.status()
      if (last && condition(last)) return last
      if (!this.alive) throw new Error(`sluice ended with ${this.#child?.exitCode}: ${this.#stderr}`)
      await delay(100)
    }
    throw new Error(
      `did not come true in ${timeoutMs} ms; status ${JSON.stringify(last)}; log ${this.#stderr.slice(-4000)}`,
    )
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const exited = new Promise<number | null>(resolve => child.once('exit', resolve))
    child.kill(signal)
    return exited
  }
}
