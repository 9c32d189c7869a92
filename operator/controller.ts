// Runs one reconciler over a queue of keys, and is the one place that decides what becomes of its errors: when to
// come back, how loudly to say it.
import type { Clock } from '#common/clock.ts'
import { ConfigError, ConflictError, InvariantError, SyncError } from '#common/errors.ts'
import { errorFields } from '#common/logger.ts'
import type { Logger } from '#common/logger.ts'
import { askedDelayMs } from './kube/api-error.ts'
import { WorkQueue } from './kube/work-queue.ts'
import type { Requeue } from './kube/work-queue.ts'
import type { OperatorMetrics } from './metrics.ts'

export interface ControllerOptions {
  name: string
  reconcile: (key: string, signal: AbortSignal) => Promise<Requeue>
  workers: number
  clock: Clock
  logger: Logger
  metrics: OperatorMetrics
}

/** What only a person can change is tried again this often. */
const configErrorDelayMs = 60_000

export class Controller {
  readonly queue: WorkQueue
  readonly #options: ControllerOptions

  constructor(options: ControllerOptions) {
    this.#options = options
    this.queue = new WorkQueue({
      workers: options.workers,
      clock: options.clock,
      onFailure: (key, error, delayMs) => this.#dispose(key, error, delayMs),
    })
  }

  async run(signal: AbortSignal): Promise<void> {
    const { name, reconcile, clock, metrics } = this.#options
    await this.queue.run(async key => {
      const startedMs = clock.monotonicMs()
      metrics.queueDepth.set({ controller: name }, this.queue.depth)
      try {
        return await reconcile(key, signal)
      } finally {
        metrics.reconcileSeconds.observe({ controller: name }, (clock.monotonicMs() - startedMs) / 1000)
      }
    }, signal)
  }

  /** Logs the failure and says how long to wait at least. */
  #dispose(key: string, error: unknown, delayMs: number): number {
    const { name, logger, metrics } = this.#options
    const code = error instanceof SyncError ? error.code : 'INTERNAL'
    metrics.reconcileErrors.inc({ controller: name, code })
    const fields = { controller: name, key, retryInMs: Math.round(delayMs), ...errorFields(error) }
    if (error instanceof ConflictError) logger.debug('reconcile: changed meanwhile', fields)
    else if (error instanceof SyncError && !(error instanceof InvariantError))
      logger.warn('reconcile failed', fields)
    else logger.error('reconcile failed', fields)
    return error instanceof ConfigError ? configErrorDelayMs : askedDelayMs(error)
  }
}
