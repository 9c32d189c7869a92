// `sluice teardown`: removes what a SyncJob made at its source (a replication slot, a publication). The operator runs
// it in a pod of its own when a SyncJob is deleted, since only the workers' image reaches databases.
import { systemClock } from '#common/clock.ts'
import { openSource } from '#worker/open-connectors.ts'
import { readPlanArguments } from './plan-arguments.ts'
import { stopSignal } from './stop-signal.ts'

export const usage = `Usage: sluice teardown --plan FILE [options]

Removes what the job of a plan made at its source. What is gone already is fine. The tables in the target stay.

      --plan FILE       the plan, as the operator compiles it
      --secrets DIR     folder with one folder per Secret and one file per key`

/** The exit code. @throws UsageError, ConfigError when the plan is not valid, and what the connector throws */
export async function run(argv: string[]): Promise<number> {
  const { plan, secrets, logger } = await readPlanArguments(argv)
  const source = await openSource({
    plan,
    secrets,
    clock: systemClock,
    logger,
    onBadRecord: error => {
      throw error
    },
  })
  try {
    await source.teardown(stopSignal())
    logger.info('source cleaned up', { source: plan.source.name })
  } finally {
    await source.close()
  }
  return 0
}
