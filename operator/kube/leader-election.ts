// One operator at a time, by a coordination.k8s.io/v1 Lease, with the timing of client-go's leaderelection:
// a lease is valid 15 s, renewed every 2 s, given up by its holder after 10 s without success; who stands by asks every
// second, and at the moment it runs out. Clocks of two machines are never compared: a candidate takes over when the record
// has not changed for a whole lease duration of its own monotonic clock. `leaseTransitions` is the epoch of a term: it grows with every take-over.
import type { Clock } from '#common/clock.ts'
import { FencedError } from '#common/errors.ts'
import { errorFields } from '#common/logger.ts'
import type { Logger } from '#common/logger.ts'
import { isNotFound, statusOf } from './api-error.ts'
import type { KubeClient } from './client.ts'
import { resourcePath } from './object.ts'
import type { KubeObject, ResourceType } from './object.ts'

export interface Lease extends KubeObject {
  spec: {
    holderIdentity?: string
    leaseDurationSeconds?: number
    acquireTime?: string
    renewTime?: string
    leaseTransitions?: number
  }
}

export const leaseType: ResourceType<Lease> = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
}

export interface LeaderElectionOptions {
  client: KubeClient
  namespace: string
  name: string
  /** Who we are: unique per process. */
  identity: string
  clock: Clock
  logger: Logger
  leaseDurationMs?: number
  renewDeadlineMs?: number
  retryPeriodMs?: number
  /** How often one that stands by asks whether the lease was given up. */
  standByPeriodMs?: number
}

const releaseTries = 4
const releaseRetryMs = 250

export class LeaderElector {
  readonly #options: Required<LeaderElectionOptions>
  /** The record as last read, and when (our monotonic clock) it was first seen in this form. */
  #observed: Lease | null = null
  #observedAtMs = 0
  #leading = false

  constructor(options: LeaderElectionOptions) {
    const timing = {
      leaseDurationMs: 15_000,
      renewDeadlineMs: 10_000,
      retryPeriodMs: 2000,
      standByPeriodMs: 1000,
    }
    this.#options = { ...timing, ...options }
  }

  get isLeader(): boolean {
    return this.#leading
  }

  /** The term we lead, or last saw another lead. */
  get epoch(): number {
    return this.#observed?.spec.leaseTransitions ?? 0
  }

  /**
   * Waits for leadership, then runs `lead`; its signal aborts when leadership is lost or `signal` aborts. The lease
   * is released once `lead` has ended, so that a successor need not wait for it to expire.
   * @throws FencedError LEADERSHIP_LOST when another may lead now: the process must end
   */
  async run(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, logger, identity } = this.#options
    while (!signal.aborted && !(await this.#tryHold(signal)))
      await clock.sleep(this.#untilNextTryMs(), signal)
    if (signal.aborted) return
    this.#leading = true
    logger.info('leading', { identity, epoch: this.epoch })
    const lost = new AbortController()
    const ended = new AbortController()
    const leading = lead(AbortSignal.any([signal, lost.signal])).finally(() => ended.abort())
    const [, kept] = await Promise.all([
      leading.catch(() => undefined),
      this.#keep(ended.signal).then(held => {
        if (!held) lost.abort()
        return held
      }),
    ])
    this.#leading = false
    if (!kept) throw new FencedError('leadership was lost', { code: 'LEADERSHIP_LOST' })
    await this.#release()
    await leading
  }

  /** Soon, since a lease may be given up at any time, and not later than the one there is runs out. */
  #untilNextTryMs(): number {
    const { clock, standByPeriodMs } = this.#options
    const soonMs = standByPeriodMs * (1 + 0.2 * clock.random())
    const leftMs = this.#expiresAtMs() - clock.monotonicMs()
    return leftMs > 0 ? Math.min(soonMs, leftMs + 1) : soonMs
  }

  /** Renews until the signal aborts (true) or another may lead (false): it does, or the deadline passed. */
  async #keep(signal: AbortSignal): Promise<boolean> {
    const { clock, renewDeadlineMs, retryPeriodMs } = this.#options
    let renewedAtMs = clock.monotonicMs()
    while (!signal.aborted) {
      await clock.sleep(retryPeriodMs, signal)
      if (signal.aborted) return true
      if (await this.#tryHold(signal)) renewedAtMs = clock.monotonicMs()
      else if (this.#heldByOther() || clock.monotonicMs() - renewedAtMs >= renewDeadlineMs)
        return signal.aborted
    }
    return true
  }

  #heldByOther(): boolean {
    const holder = this.#observed?.spec.holderIdentity ?? ''
    return holder !== '' && holder !== this.#options.identity
  }

  /** Takes or renews the lease if that is ours to do now. False for every reason why not. */
  async #tryHold(signal: AbortSignal): Promise<boolean> {
    const { logger } = this.#options
    const ended = this.#bound()
    const bounded = AbortSignal.any([signal, ended.signal])
    try {
      const current = await this.#call('GET', null, bounded).catch((error: unknown) => {
        if (isNotFound(error)) return null
        throw error
      })
      if (current !== null) this.#observe(current)
      if (current !== null && this.#heldByOther() && !this.#expired()) return false
      this.#observe(await this.#call(current === null ? 'POST' : 'PUT', this.#claim(current), bounded))
      return true
    } catch (error) {
      if (!signal.aborted && statusOf(error) !== 409) logger.warn('lease not renewed', errorFields(error))
      return false
    } finally {
      ended.abort()
    }
  }

  /** Aborts by itself when one hanging call would eat the whole deadline; its owner aborts it when done. */
  #bound(): AbortController {
    const { clock, renewDeadlineMs } = this.#options
    const bound = new AbortController()
    void clock.sleep(renewDeadlineMs / 2, bound.signal).then(() => bound.abort())
    return bound
  }

  async #call(method: 'GET' | 'POST' | 'PUT', body: Lease | null, signal: AbortSignal): Promise<Lease> {
    const { client, namespace, name } = this.#options
    const path = resourcePath(leaseType, method === 'POST' ? { namespace } : { namespace, name })
    return client.request({ method, path, pool: 'lease', signal, ...(body === null ? {} : { body }) })
  }

  #observe(lease: Lease): void {
    if (this.#observed?.metadata.resourceVersion !== lease.metadata.resourceVersion)
      this.#observedAtMs = this.#options.clock.monotonicMs()
    this.#observed = lease
  }

  #expired(): boolean {
    return this.#options.clock.monotonicMs() > this.#expiresAtMs()
  }

  #expiresAtMs(): number {
    return this.#observedAtMs + (this.#observed?.spec.leaseDurationSeconds ?? 0) * 1000
  }

  #claim(current: Lease | null): Lease {
    const { namespace, name, identity, clock, leaseDurationMs } = this.#options
    const now = microTime(clock.nowMs())
    const held = current?.spec.holderIdentity === identity
    const transitions = current?.spec.leaseTransitions ?? 0
    return {
      apiVersion: leaseType.apiVersion,
      kind: leaseType.kind,
      // The version makes the write conditional: of two candidates only one succeeds.
      metadata: current === null ? { namespace, name } : current.metadata,
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
        acquireTime: held ? (current.spec.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: held || current === null ? transitions : transitions + 1,
      },
    }
  }

  /** Tries a few times: a successor would wait for the whole lease. */
  async #release(): Promise<void> {
    const { clock, logger } = this.#options
    if (this.#observed === null || this.#heldByOther()) return
    const ended = this.#bound()
    const renewTime = microTime(clock.nowMs())
    const spec = { ...this.#observed.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime }
    const given = { ...this.#observed, spec }
    try {
      for (let left = releaseTries - 1; !(await this.#give(given, left, ended.signal)); left--)
        await clock.sleep(releaseRetryMs, ended.signal)
    } catch (error) {
      logger.warn('lease not released; it expires by itself', errorFields(error))
    } finally {
      ended.abort()
    }
  }

  /** False: not yet, and there are tries left. */
  async #give(lease: Lease, triesLeft: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#call('PUT', lease, signal)
      return true
    } catch (error) {
      // Written since: by a try whose answer was lost, or by another who leads.
      if (statusOf(error) === 409) return true
      if (triesLeft === 0 || signal.aborted) throw error
      return false
    }
  }
}

/** The MicroTime format of Kubernetes: RFC 3339 with six digits of fraction. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}
