// Answers for every worker of the fleet: the pods' addresses are all loopback, so one server has them all.
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { workerHttpPort } from '#api/worker-status.ts'
import type { WorkerStatus } from '#api/worker-status.ts'

export class FakeWorkers {
  readonly #server: Server
  /** Whether there are rows all the time, or nothing happens. */
  isBusy = false
  #rows = 1000

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<FakeWorkers> {
    const server = createServer()
    const workers = new FakeWorkers(server)
    server.on('request', (_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(workers.#status()))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(workerHttpPort, '0.0.0.0', resolve)
    })
    return workers
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #status(): WorkerStatus {
    if (this.isBusy) this.#rows++
    const at = new Date(this.isBusy ? Date.now() : 0).toISOString()
    const lagMs = this.isBusy ? 800 : 0
    const progress = { rowsTotal: this.#rows, lagMs, lastCommit: at, lastCommitAt: at }
    return {
      job: { namespace: 'fleet', name: 'job' },
      phase: 'streaming',
      tables: [{ name: 'public.orders', ...progress, state: 'streaming' }],
      lagMs,
      rowsTotal: this.#rows,
      error: null,
      updatedAt: new Date().toISOString(),
    }
  }
}
