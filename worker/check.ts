// Finds out whether a plan could be carried out, beside a worker that carries out the one before: both ends are reached
// with the secrets there are, the tables are found and may be read, and the target takes them as the plan says. What
// only shows when rows move (a record that cannot be decoded, a change of columns) it cannot tell.
import { systemClock } from '#common/clock.ts'
import type { Logger } from '#common/logger.ts'
import type { Plan } from '#api/plan.ts'
import { openSource, openTarget } from './open-connectors.ts'
import type { SecretLocations } from './secrets.ts'
import { TablePlanner } from './table-plan.ts'

export interface CheckOptions {
  plan: Plan
  secrets: SecretLocations
  logger: Logger
}

/** How many tables the plan has now. @throws what a worker with this plan would have told */
export async function checkPlan(options: CheckOptions, signal: AbortSignal): Promise<number> {
  const services = { ...options, clock: systemClock, onBadRecord: () => undefined }
  const source = await openSource(services)
  try {
    const target = await openTarget(services)
    const planner = new TablePlanner(options.plan, source, target)
    try {
      return (await planner.check(signal)).length
    } finally {
      await planner.close()
      await target.close()
    }
  } finally {
    await source.close()
  }
}
