// Tells the master every two seconds what the worker could use of its source's limits, and takes what it is granted. While
// nobody answers the worker goes on: with its leases to their end, and then with the floor that came with them.
import type { Heartbeat, HeartbeatAnswer } from '#api/heartbeat.ts'
import { heartbeatIntervalMs } from '#api/heartbeat.ts'
import type { Plan } from '#api/plan.ts'
import type { Clock } from '#common/clock.ts'
import type { Logger } from '#common/logger.ts'
import { errorFields } from '#common/logger.ts'
import { nextDelayMs } from '#common/retry.ts'
import type { LimitedSource } from './limited-source.ts'
import type { MasterClient } from './master-client.ts'

export interface HeartbeatsOptions {
  /** Name of the pod. */
  worker: string
  plan: Plan
  limited: LimitedSource
  client: Pick<MasterClient, 'send'>
  clock: Clock
  logger: Logger
}

/** Between tries while no master answers: the first soon, since it may only have moved. */
const retry = { firstMs: 500, maxMs: 5_000, tries: Infinity }

/** Until the signal aborts. */
export async function sendHeartbeats(options: HeartbeatsOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, limited, logger } = options
  const startedAtMs = Math.floor(clock.nowMs())
  let [number, term, delayMs] = [0, 0, 0]
  while (!signal.aborted) {
    const askedAtMs = clock.monotonicMs()
    try {
      const heartbeat = { ...base(options), startedAtMs, number: ++number, term, leases: limited.requests() }
      const answer = await client.send(heartbeat, signal)
      if (isNew(answer, number, term)) {
        term = answer.term
        limited.grant(answer.leases, askedAtMs)
      }
      if (delayMs > 0) logger.info('the master answers again', { term })
      delayMs = 0
    } catch (error) {
      if (signal.aborted) return
      // Once for each time of trouble, not for each try.
      if (delayMs === 0) logger.warn('the master does not answer; going on without it', errorFields(error))
      delayMs = nextDelayMs(retry, delayMs, clock.random())
    }
    const waitMs = delayMs > 0 ? delayMs : heartbeatIntervalMs - (clock.monotonicMs() - askedAtMs)
    await clock.sleep(Math.max(0, waitMs), signal)
  }
}

function isNew(answer: HeartbeatAnswer, number: number, term: number): boolean {
  return answer.number === number && answer.term >= term
}

/** What every heartbeat of the worker says. It holds all splits there are, as long as there is one worker. */
function base({
  worker,
  plan,
}: HeartbeatsOptions): Omit<Heartbeat, 'startedAtMs' | 'number' | 'term' | 'leases'> {
  return {
    job: plan.job,
    worker,
    plan: '',
    capacity: plan.worker.lanes,
    leaving: false,
    held: [],
    finished: [],
    planned: null,
  }
}
