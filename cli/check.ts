// `sluice check`: could this plan be carried out? The operator runs it in a pod of its own before it replaces workers
// that work by those of another plan or another image.
import { checkPlan } from '#worker/check.ts'
import { readPlanArguments } from './plan-arguments.ts'
import { leaveSoon, stopSignal } from './stop-signal.ts'

export const usage = `Usage: sluice check --plan FILE [options]

Reaches both ends of a plan and looks at its tables as a worker would before it reads the first row. Reads no rows and
makes nothing at the source; tables that the target does not have yet are made, empty.

      --plan FILE       the plan, as the operator compiles it
      --secrets DIR     folder with one folder per Secret and one file per key`

/** The exit code. @throws UsageError, and what a worker with this plan would have told */
export async function run(argv: string[]): Promise<number> {
  const { plan, secrets, logger } = await readPlanArguments(argv)
  try {
    const tables = await checkPlan({ plan, secrets, logger }, stopSignal())
    logger.info('the plan can be carried out', { source: plan.source.name, target: plan.target.name, tables })
  } finally {
    leaveSoon()
  }
  return 0
}
