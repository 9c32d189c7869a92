// Finds out whether there is something to read for a job whose workers sleep: the positions come from the target, as for
// a worker, so the answer is exact whoever wrote them.
import { systemClock } from '#common/clock.ts'
import type { CheckOptions } from './check.ts'
import { openSource, openTarget } from './open-connectors.ts'
import { TablePlanner } from './table-plan.ts'

/** What there is to read, as a sentence; null: nothing. @throws what a worker with this plan would have told */
export async function probePlan(options: CheckOptions, signal: AbortSignal): Promise<string | null> {
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
