// `sluice probe`: is there something to read for jobs without workers? The operator runs it in a pod now and then while
// jobs are idle.
import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import type { ProbeResult } from '#api/probe.ts'
import { probeExitCodes, probeReportText } from '#api/probe.ts'
import { systemClock } from '#common/clock.ts'
import { createLogger } from '#common/json-logger.ts'
import { loadPlan } from '#worker/main.ts'
import { isUnread, lookAtPlan, lookInTurn } from '#worker/probe.ts'
import type { SecretLocations } from '#worker/secrets.ts'
import { secretVariables } from './secret-variables.ts'
import { leaveSoon, stopSignal } from './stop-signal.ts'
import { UsageError } from './usage-error.ts'

export const usage = `Usage: sluice probe --plan FILE... [options]

Asks the source of a plan whether it has something that the target does not. Reads no rows and makes nothing at the
source. No worker of the plan may run meanwhile. Of several plans, one after the other is looked at.
Exit code 0: nothing. ${probeExitCodes.unread}: there is something to read. 1: it cannot be told of all of them.

      --plan FILE       a plan, as the operator compiles it; repeatable
      --secrets DIR     folder with one folder per Secret and one file per key
      --report FILE     where to write, as JSON, what was seen of each plan`

/** A pod is ended after two minutes, and some of them go by until it starts: see probeDeadlineMs in the operator. */
const looks = { beginWithinMs: 50_000, beginWithinMsOnceFound: 5_000, endWithinMs: 95_000 }

/** The exit code. @throws UsageError */
export async function run(argv: string[]): Promise<number> {
  const text = { type: 'string' } as const
  const options = { plan: { ...text, multiple: true }, secrets: text, report: text } as const
  const { plan: paths = [], secrets: directory = null, report } = parseArgs({ args: argv, options }).values
  if (paths.length === 0) throw new UsageError('give the plan: --plan FILE')
  const secrets: SecretLocations = { directory, variables: secretVariables() }
  const onResults = (results: readonly ProbeResult[]): void => {
    if (report !== undefined) writeFileSync(report, probeReportText(results))
  }
  try {
    const each = paths.map(path => async (signal: AbortSignal) => {
      const plan = await loadPlan(path)
      const logger = createLogger('info', { job: `${plan.job.namespace}/${plan.job.name}` })
      return lookAtPlan({ plan, secrets, logger })(signal)
    })
    const results = await lookInTurn(each, { ...looks, clock: systemClock, onResults }, stopSignal())
    for (const [at, result] of results.entries())
      say(result, paths.length === 1 ? '' : `${basename(paths[at]!, '.json')}: `)
    return exitCodeOf(results)
  } finally {
    leaveSoon()
  }
}

function exitCodeOf(results: readonly ProbeResult[]): number {
  if (results.some(isUnread)) return probeExitCodes.unread
  return results.every(result => result === 'nothing') ? probeExitCodes.nothing : 1
}

function say(result: ProbeResult, of: string): void {
  if (typeof result === 'string') return
  for (const text of Object.values(result)) process.stderr.write(`sluice probe: ${of}${text}\n`)
}
