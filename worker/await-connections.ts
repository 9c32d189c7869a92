// A worker whose source has a limit of connections begins when it was given the least it needs. Until then it says what it
// waits for, and who has it.
import type { Plan } from '#api/plan.ts'
import { workerConnectionsMin } from '#api/source-limits.ts'
import type { Clock } from '#common/clock.ts'
import type { JobStatus } from './job-status.ts'
import type { LimitedSource } from './limited-source.ts'

export interface AwaitConnectionsOptions {
  plan: Pick<Plan, 'job' | 'source'>
  limited: Pick<LimitedSource, 'isAdmitted' | 'holders'>
  status: JobStatus
  /** Other workers of the job may do its work meanwhile. */
  isShared: boolean
  clock: Clock
}

const lookMs = 100
/** Jobs that are named. */
const namedMax = 8

/** Resolves when connections may be made, or the signal aborted. */
export async function awaitConnections(options: AwaitConnectionsOptions, signal: AbortSignal): Promise<void> {
  const { limited, status, isShared, plan, clock } = options
  while (!limited.isAdmitted && !signal.aborted) {
    const { holders } = limited
    const othersWork = isShared && holders?.some(({ job, count }) => job === plan.job.name && count > 0)
    if (othersWork === true) {
      // As well as they are.
      status.recovered()
      status.enter('streaming', [])
    } else if (holders) {
      const message = waitingText(plan.source, holders)
      status.failed({ code: 'CONNECTIONS_EXHAUSTED', message, context: {}, disposition: 'retry' })
    }
    await clock.sleep(lookMs, signal)
  }
  status.recovered()
}

function waitingText(
  { name, limits }: Plan['source'],
  holders: readonly { job: string; count: number }[],
): string {
  const others = holders.filter(({ count }) => count > 0)
  const named = others
    .toSorted((a, b) => b.count - a.count || (a.job < b.job ? -1 : 1))
    .slice(0, namedMax)
    .map(({ job, count }) => `${job} has ${count}`)
  const more = others.length > namedMax ? [`${others.length - namedMax} more jobs have the others`] : []
  const told = [...named, ...more].join(', ') || 'nobody has any now, so it is its turn soon'
  return `This worker needs ${workerConnectionsMin} connections and waits for them: DataSource ${name} allows ${limits?.connections} (protection.limits), and ${told}`
}
