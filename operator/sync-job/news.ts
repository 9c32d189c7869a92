// What in a status is new enough to be told in an event.
import type { Condition } from '#api/resource.ts'
import type { SyncJobStatus } from '#api/sync-job.ts'

/** Ready when it took a turn, and RolledOut when it came to say no for a reason that Ready does not give already. */
export function newsOf(before: SyncJobStatus | undefined, now: SyncJobStatus): Condition[] {
  const turned = (type: string): Condition | null => {
    const [was, is] = [conditionOf(before, type), conditionOf(now, type)]
    return is === undefined || (was?.reason === is.reason && was.status === is.status) ? null : is
  }
  const [ready, rolledOut] = [turned('Ready'), turned('RolledOut')]
  const news = ready === null ? [] : [ready]
  const held = rolledOut?.status === 'False' && rolledOut.reason !== conditionOf(now, 'Ready')?.reason
  return held ? [...news, rolledOut] : news
}

function conditionOf(status: SyncJobStatus | undefined, type: string): Condition | undefined {
  return status?.conditions?.find(condition => condition.type === type)
}
