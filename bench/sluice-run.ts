// Runs a worker on a plan as a process of its own and measures it from outside: wall time from its start, CPU and
// memory from the kernel, rows from its status port.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { WorkerStatus } from '#api/worker-status.ts'
import { freePort } from '#scripts/free-port.ts'
import type { ProcessCost } from './process-cost.ts'
import { processCost } from './process-cost.ts'

export interface Measurement extends ProcessCost {
  rows: number
  /** From the start of the process to the last row committed. */
  wallSeconds: number
  /** From the start of the process to the first committed rows. */
  firstRowsSeconds: number
  /** From the first commit seen to the first one with three quarters of the rows: without start-up and tail. */
  steadyRowsPerSecond: number
}

interface Progress {
  atMs: number
  rows: number
}

/** As the image sets it. */
export const mallocSettings = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '262144' }

const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url))

export class SluiceRun {
  readonly #child: ChildProcess
  readonly #port: number
  readonly #startedAtMs = performance.now()

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.#port = port
  }

  static async start(yaml: string): Promise<SluiceRun> {
    const file = join(await mkdtemp(join(tmpdir(), 'sluice-bench-')), 'job.yaml')
    await writeFile(file, yaml)
    const port = await freePort()
    const args = [main, 'run', '-f', file, '--port', String(port), '--log-level', 'warn']
    const env = { ...process.env, ...mallocSettings }
    return new SluiceRun(spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] }), port)
  }

  get port(): number {
    return this.#port
  }

  cost(): Promise<ProcessCost> {
    return processCost(this.#child.pid!)
  }

  async status(): Promise<WorkerStatus | null> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/status`).catch(() => null)
    return response?.ok ? ((await response.json()) as WorkerStatus) : null
  }

  metrics(): Promise<string> {
    return fetch(`http://127.0.0.1:${this.#port}/metrics`).then(response => response.text())
  }

  /** Waits until that many rows are committed and, if asked, until nothing is left to commit. */
  async untilRows(rows: number, { caughtUp = false, timeoutMs = 600_000 } = {}): Promise<Measurement> {
    const deadline = performance.now() + timeoutMs
    let first: Progress | null = null
    let most: Progress | null = null
    while (performance.now() < deadline) {
      await delay(20)
      const status = await this.status()
      const now = performance.now()
      this.#mustBeWell(status)
      if (status === null || status.rowsTotal === 0) continue
      first ??= { atMs: now, rows: status.rowsTotal }
      // The last rows wait until their commit falls due by the freshness that is asked for.
      if (status.rowsTotal >= 0.75 * rows) most ??= { atMs: now, rows: status.rowsTotal }
      if (status.rowsTotal >= rows && (!caughtUp || status.lagMs === 0))
        return this.#measurement({ from: first, to: most! }, { atMs: now, rows: status.rowsTotal })
    }
    throw new Error(
      `${rows} rows were not committed in ${timeoutMs} ms: ${JSON.stringify(await this.status())}`,
    )
  }

  #mustBeWell(status: WorkerStatus | null): void {
    if (status?.error) throw new Error(`${status.error.code}: ${status.error.message}`)
    if (this.#child.exitCode !== null) throw new Error(`sluice ended with ${this.#child.exitCode}`)
  }

  async #measurement(steady: { from: Progress; to: Progress }, last: Progress): Promise<Measurement> {
    const { from: first, to: most } = steady
    const steadySeconds = (most.atMs - first.atMs) / 1000
    return {
      ...(await this.cost()),
      rows: last.rows,
      wallSeconds: (last.atMs - this.#startedAtMs) / 1000,
      firstRowsSeconds: (first.atMs - this.#startedAtMs) / 1000,
      steadyRowsPerSecond: steadySeconds > 0.2 ? (most.rows - first.rows) / steadySeconds : Number.NaN,
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exited = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await exited
  }
}
