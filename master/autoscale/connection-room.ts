// How many workers the connections of a source are enough for (`protection.limits.connections`). Each has its least or
// nothing, so one more than there is room for would only wait. docs/decisions/0029-connections-as-a-least-set.md
import { connectionsKept, workerConnectionsMin } from '#api/source-limits.ts'
import type { Limits } from './model.ts'

export interface ConnectionUse {
  /** Of the source, at the same time. */
  connections: number
  /** Workers of other jobs that read it. */
  others: number
  /** Workers of this job: none of them goes for the sake of another job, since then two jobs would go by turns. */
  running: number
}

/** The limits, with no more workers than have room; the first one may always wait for its turn. */
export function withinConnections(limits: Limits, { connections, others, running }: ConnectionUse): Limits {
  const all = Math.floor((connections - connectionsKept) / workerConnectionsMin)
  const room = Math.max(1, all - others, Math.min(running, all))
  return room < limits.maxReplicas ? { ...limits, maxReplicas: room, maximumBy: 'connections' } : limits
}
