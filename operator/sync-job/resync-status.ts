// How far a resync is: what the worker that plans says of it, and when that was first heard. Pure.
import type { SyncJobStatus } from '#api/sync-job.ts'
import type { WorkerStatus } from '#api/worker-status.ts'

type Resync = NonNullable<SyncJobStatus['resync']>

export interface ResyncFacts {
  /** The id in the spec; undefined: none is asked for. */
  asked: string | undefined
  statuses: readonly WorkerStatus[]
  /** Whether a job with an end has reached it. */
  complete: boolean | null
}

/** What was done stays done, also when tables come to the job later. Nothing asked for: the last one stays. */
export function resyncStatus(
  facts: ResyncFacts,
  previous: Resync | undefined,
  nowMs: number,
): Pick<SyncJobStatus, 'resync'> {
  const { asked } = facts
  const resync = asked === undefined ? previous : progress(asked, facts, { previous, nowMs })
  return resync === undefined ? {} : { resync }
}

function progress(
  id: string,
  { statuses, complete }: ResyncFacts,
  { previous, nowMs }: { previous: Resync | undefined; nowMs: number },
): Resync {
  const before = previous?.id === id ? previous : undefined
  if (before?.phase === 'Done') return before
  const told = statuses.flatMap(({ resync }) => (resync?.id === id ? [resync] : []))[0]
  const left = complete === true ? 0 : told?.left.length
  if (left === undefined) return before ?? { id, phase: 'Pending' }
  const now = new Date(nowMs).toISOString()
  return begun({ id, tables: told?.tables ?? before?.tables, left }, before?.startedAt ?? now, now)
}

function begun(
  { id, tables, left }: { id: string; tables: number | undefined; left: number },
  startedAt: string,
  now: string,
): Resync {
  const counts = tables === undefined ? {} : { tables, tablesDone: tables - left }
  if (left > 0) return { id, phase: 'Reading', ...counts, startedAt }
  return { id, phase: 'Done', ...counts, startedAt, finishedAt: now }
}
