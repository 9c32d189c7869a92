// The wait of a verb (`--wait`) until a job is as it was asked to be.
import type { SyncJobObject } from '#operator/resources.ts'
import { findJob } from './find-job.ts'
import type { Session } from './session.ts'

export interface Awaited {
  name: string
  timeoutMs: number
  /** What is still missing, for people; null when nothing is. */
  missing: (job: SyncJobObject) => string | null | Promise<string | null>
  /** What to say then. */
  done: (job: SyncJobObject) => string
}

const pollMs = 1000

/** The exit code: 1 when something is still missing at the deadline. */
export async function awaitJob(
  session: Session,
  { name, timeoutMs, missing, done }: Awaited,
): Promise<number> {
  const { clock, signal } = session
  const deadlineMs = clock.monotonicMs() + timeoutMs
  for (;;) {
    const job = await findJob(session, name)
    const left = await missing(job)
    if (left === null) {
      await session.write(`syncjob/${name} ${done(job)}\n`)
      return 0
    }
    if (clock.monotonicMs() >= deadlineMs || signal.aborted) {
      session.warn(`Not within ${timeoutMs / 1000} s: ${left}\n`)
      return 1
    }
    await clock.sleep(pollMs, signal)
  }
}
