// `sluice probe`: is there something to read for a job without workers? The operator runs it in a pod now and then while a
// job is idle.
import { probeExitCodes } from '#api/probe.ts'
import { probePlan } from '#worker/probe.ts'
import { readPlanArguments } from './plan-arguments.ts'
import { leaveSoon, stopSignal } from './stop-signal.ts'

export const usage = `Usage: sluice probe --plan FILE [options]

Asks the source of a plan whether it has something that the target does not. Reads no rows and makes nothing at the
source. No worker of the plan may run meanwhile.
Exit code 0: nothing. ${probeExitCodes.unread}: there is something to read. 1: it cannot be told.

      --plan FILE       the plan, as the operator compiles it
      --secrets DIR     folder with one folder per Secret and one file per key`

/** The exit code. @throws UsageError, and what a worker with this plan would have told */
export async function run(argv: string[]): Promise<number> {
  const { plan, secrets, logger } = await readPlanArguments(argv)
  try {
    const unread = await probePlan({ plan, secrets, logger }, stopSignal())
    if (unread === null) return probeExitCodes.nothing
    process.stderr.write(`sluice probe: ${unread}\n`)
    return probeExitCodes.unread
  } finally {
    leaveSoon()
  }
}
