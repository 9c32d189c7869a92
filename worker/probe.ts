// Finds out whether there is something to read for jobs whose workers sleep, one after the other: the positions come from
// their targets, as for a worker, so the answer is exact whoever wrote them.
import type { ProbeResult } from '#api/probe.ts'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { SyncError, describeError } from '#common/errors.ts'
import type { CheckOptions } from './check.ts'
import { openSource, openTarget } from './open-connectors.ts'
import { TablePlanner } from './table-plan.ts'

/** What there is to read, as a sentence; null: nothing. @throws what a worker with the plan would have told */
export type Look = (signal: AbortSignal) => Promise<string | null>

export interface LookOptions {
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  /** None is begun later. */
  beginWithinMs: number
  /** Once something was found for one job it waits for the others: then none is begun later than so long after. */
  beginWithinMsOnceFound: number
  /** The one under way is given up. */
  endWithinMs: number
  /** Hears all results so far before each look and at the end; that of the look under way is what it is if the process ends. */
  onResults: (results: readonly ProbeResult[]) => void
}

const interrupted = { failed: 'Its look ended the probe.' }

export function lookAtPlan(options: CheckOptions): Look {
  return async signal => {
    const services = { ...options, clock: systemClock, onBadRecord: () => undefined }
    const source = await openSource(services)
    try {
      const target = await openTarget(services)
      const planner = new TablePlanner(options.plan, source, target)
      try {
        return await planner.unread(signal)
      } finally {
        await planner.close()
        await target.close()
      }
    } finally {
      await source.close()
    }
  }
}

/** One result for each, in their order. One that fails keeps the others from nothing. */
export async function lookInTurn(
  looks: readonly Look[],
  { clock, beginWithinMs, beginWithinMsOnceFound, endWithinMs, onResults }: LookOptions,
  signal: AbortSignal,
): Promise<readonly ProbeResult[]> {
  const results = looks.map((): ProbeResult => 'later')
  const beganMs = clock.monotonicMs()
  let lastMs = beganMs + beginWithinMs
  for (const [at, look] of looks.entries()) {
    if (clock.monotonicMs() > lastMs || signal.aborted) break
    results[at] = interrupted
    onResults(results)
    const leftMs = beganMs + endWithinMs - clock.monotonicMs()
    const result = await within(clock, leftMs, either => resultOf(look, either), signal)
    results[at] = result
    if (isUnread(result)) lastMs = Math.min(lastMs, clock.monotonicMs() + beginWithinMsOnceFound)
  }
  onResults(results)
  return results
}

export function isUnread(result: ProbeResult): boolean {
  return typeof result === 'object' && 'unread' in result
}

async function within(
  clock: LookOptions['clock'],
  ms: number,
  run: (signal: AbortSignal) => Promise<ProbeResult>,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const late = async (): Promise<ProbeResult> => {
    await clock.sleep(ms, either)
    return { failed: 'It took too long to look at the source.' }
  }
  try {
    return await Promise.race([late(), run(either)])
  } finally {
    over.abort()
  }
}

async function resultOf(look: Look, signal: AbortSignal): Promise<ProbeResult> {
  try {
    const unread = await look(signal)
    return unread === null ? 'nothing' : { unread }
  } catch (error) {
    return { failed: `${error instanceof SyncError ? `${error.code}: ` : ''}${describeError(error)}` }
  }
}
