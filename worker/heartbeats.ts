// Tells the master every two seconds what the worker reads and what it could use of its source's limits, and takes what it
// is told. While nobody answers the worker goes on: with the splits it has, and with its leases to their end, and then with
// the floor that came with them.
import type { Heartbeat, HeartbeatAnswer } from '#api/heartbeat.ts'
import { heartbeatIntervalMs } from '#api/heartbeat.ts'
import type { Plan } from '#api/plan.ts'
import type { Clock } from '#common/clock.ts'
import type { Logger } from '#common/logger.ts'
import { errorFields } from '#common/logger.ts'
import { nextDelayMs } from '#common/retry.ts'
import type { AssignedSplits } from './assigned-splits.ts'
import type { LimitedSource } from './limited-source.ts'
import type { MasterClient } from './master-client.ts'

export interface HeartbeatsOptions {
  /** Name of the pod. */
  worker: string
  plan: Plan
  limited: LimitedSource
  /** Where other workers share the job: what this one is to read of it. Null: it reads all there is. */
  assigned: AssignedSplits | null
  client: Pick<MasterClient, 'send'>
  clock: Clock
  logger: Logger
}

/** Between tries while no master answers: the first soon, since it may only have moved. */
const retry = { firstMs: 500, maxMs: 5_000, tries: Infinity }
/** What happens within so much time is told at once, not one by one. */
const gatherMs = 50
/** How long the last word of a worker that shares its job may take: it frees what it held. */
const farewellMs = 1_000

/** Until the signal aborts: then it says once more, to a master that answers, what is still held, which should be nothing. */
export async function sendHeartbeats(options: HeartbeatsOptions, signal: AbortSignal): Promise<void> {
  const { assigned, limited } = options
  const heartbeats = new Heartbeats(options)
  if (assigned !== null) assigned.onNews = () => heartbeats.hurry()
  await heartbeats.run(signal)
  const gives = assigned !== null || limited.holds
  if (gives && heartbeats.isAnswered) await heartbeats.send(AbortSignal.timeout(farewellMs))
}

class Heartbeats {
  readonly #options: HeartbeatsOptions
  readonly #ask: (leases: Heartbeat['leases']) => Heartbeat
  readonly #take: (answer: HeartbeatAnswer) => boolean
  /** Until the next try, while nobody answers; 0: the master answers. */
  #delayMs = 0
  #isNews = false
  #wake: () => void = () => undefined

  constructor(options: HeartbeatsOptions) {
    this.#options = options
    const { assigned } = options
    const whole = new WholeJob(options)
    this.#ask = leases => (assigned ?? whole).ask(leases)
    this.#take = answer => (assigned ?? whole).take(answer)
  }

  /** There is something to tell. A master that does not answer is not asked more often for it. */
  hurry(): void {
    this.#isNews = true
    if (this.isAnswered) this.#wake()
  }

  get isAnswered(): boolean {
    return this.#delayMs === 0
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    while (!signal.aborted) {
      this.#isNews = false
      const askedAtMs = clock.monotonicMs()
      await this.send(signal)
      if (signal.aborted) return
      const waitMs = this.isAnswered ? heartbeatIntervalMs - (clock.monotonicMs() - askedAtMs) : this.#delayMs
      await this.#rest(Math.max(0, waitMs), signal)
    }
  }

  async send(signal: AbortSignal): Promise<void> {
    const { client, clock, limited, logger } = this.#options
    const askedAtMs = clock.monotonicMs()
    try {
      const answer = await client.send(this.#ask(limited.requests()), signal)
      if (this.#take(answer)) limited.grant(answer.leases, askedAtMs)
      if (!this.isAnswered) logger.info('the master answers again', { term: answer.term })
      this.#delayMs = 0
    } catch (error) {
      if (signal.aborted) return
      // Once for each time of trouble, not for each try.
      if (this.isAnswered) logger.warn('the master does not answer; going on without it', errorFields(error))
      this.#options.assigned?.missed(error)
      this.#delayMs = nextDelayMs(retry, this.#delayMs, clock.random())
    }
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    if (!this.#isNews || !this.isAnswered) await clock.sleep(ms, AbortSignal.any([signal, woken.signal]))
    if (this.#isNews && this.isAnswered) await clock.sleep(Math.min(gatherMs, ms), signal)
  }
}

/** What a worker says that holds all splits there are: only what it could use of its source's limits. */
class WholeJob {
  readonly #facts: Omit<Heartbeat, 'number' | 'term' | 'leases'>
  #number = 0
  #term = 0

  constructor({ worker, plan, clock }: HeartbeatsOptions) {
    this.#facts = {
      job: plan.job,
      worker,
      startedAtMs: Math.floor(clock.nowMs()),
      plan: '',
      capacity: plan.worker.lanes,
      leaving: false,
      held: [],
      finished: [],
      planned: null,
    }
  }

  ask(leases: Heartbeat['leases']): Heartbeat {
    return { ...this.#facts, number: ++this.#number, term: this.#term, leases }
  }

  take({ number, term }: HeartbeatAnswer): boolean {
    if (number !== this.#number || term < this.#term) return false
    this.#term = term
    return true
  }
}
