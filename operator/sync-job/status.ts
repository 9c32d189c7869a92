// The status of a SyncJob, made from observations only, and the decision when it is worth a write. Lag and row
// counts move all the time: what a person would not act on waits, so that a thousand quiet jobs cost the API
// server nothing.
import { formatDuration } from '#api/duration.ts'
import type { SyncJobSpec, SyncJobStatus } from '#api/sync-job.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import { canonicalJson } from '../kube/apply.ts'
import { withCondition } from '../kube/conditions.ts'
import type { Condition, Statement } from '../kube/conditions.ts'
import { isReady } from './observe.ts'
import { readyCondition } from './readiness.ts'
import { resyncStatus } from './resync-status.ts'
import type { Observed, ObservedScaling } from './readiness.ts'

export interface StatusContext {
  generation: number
  nowMs: number
  selector: string
  /** What the spec asks for; undefined: nothing, or it is not known. */
  resync: SyncJobSpec['resync']
}

export function observedStatus(
  observed: Observed,
  previous: SyncJobStatus | undefined,
  context: StatusContext,
): SyncJobStatus {
  const { pods, reports, complete, rolledOut, asleep } = observed
  const living = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const statuses = reports.flatMap(report => (report.kind === 'status' ? [report.status] : []))
  const throttled = throttledCondition(statuses, previous)
  const statements = [
    readyCondition(observed),
    completeCondition(complete),
    rolledOut,
    throttled,
    scalingCondition(observed.scaling, previous),
  ]
  const tables = statuses.flatMap(status => status.tables)
  const lags = statuses.map(({ lagMs }) => lagMs).filter(lag => lag !== null)
  const commits = tables.flatMap(({ lastCommitAt }) => lastCommitAt ?? []).toSorted(chronologically)
  const told = statuses.length > 0
  return {
    ...base(statements, previous, context),
    replicas: living.length,
    readyReplicas: living.filter(isReady).length,
    ...(told
      ? { tables: new Set(tables.map(({ name }) => name)).size, rows: sum(statuses.map(s => s.rowsTotal)) }
      : kept(previous, complete === true || asleep !== null)),
    ...(lags.length > 0 ? { lag: coarseLag(Math.max(...lags)) } : {}),
    ...resyncStatus({ asked: context.resync?.id, statuses, complete }, previous?.resync, context.nowMs),
    ...lastCommit(commits.at(-1) ?? previous?.lastCommitTime),
    ...(observed.scaling?.status && { autoscaling: observed.scaling.status }),
  }
}

export type WriteDue = 'now' | 'later' | 'never'

const coarseIntervalMs = 10_000
export const countersIntervalMs = 60_000

/** When `next` is worth writing over `live`, given how long ago the last write was. */
export function writeDue(
  live: SyncJobStatus | undefined,
  next: SyncJobStatus,
  sinceWriteMs: number,
): WriteDue {
  if (canonicalJson(live ?? {}) === canonicalJson(next)) return 'never'
  if (canonicalJson(withoutNumbers(live ?? {})) !== canonicalJson(withoutNumbers(next))) return 'now'
  const intervalMs = live?.lag === next.lag ? countersIntervalMs : coarseIntervalMs
  return sinceWriteMs >= intervalMs ? 'now' : 'later'
}

function withoutNumbers({
  lag: _l,
  rows: _r,
  lastCommitTime: _t,
  autoscaling,
  ...rest
}: SyncJobStatus): unknown {
  const scaled = autoscaling && [autoscaling.desiredReplicas, autoscaling.lastScaleTime]
  return { ...rest, scaled, conditions: rest.conditions?.map(({ message: _m, ...condition }) => condition) }
}

const lagStepsS = [0, 1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 120, 180, 300, 600, 900, 1800, 2700]

/** Lag as people read it: the nearest step below, whole hours beyond. */
export function coarseLag(lagMs: number): string {
  const seconds = lagMs / 1000
  const hours = Math.floor(seconds / 3600)
  const step = hours > 0 ? hours * 3600 : (lagStepsS.findLast(each => each <= seconds) ?? 0)
  return formatDuration(step * 1000)
}

function base(
  statements: readonly (Statement | null)[],
  previous: SyncJobStatus | undefined,
  context: StatusContext,
): Pick<SyncJobStatus, 'observedGeneration' | 'conditions' | 'selector'> {
  let conditions = (previous?.conditions ?? []) as Condition[]
  for (const statement of statements)
    if (statement !== null) conditions = withCondition(conditions, statement, context)
  return { observedGeneration: context.generation, conditions, selector: context.selector }
}

function completeCondition(complete: boolean | null): Statement | null {
  if (complete === null) return null
  return complete
    ? { type: 'Complete', status: 'True', reason: 'Completed', message: 'Everything was copied.' }
    : { type: 'Complete', status: 'False', reason: 'InProgress', message: 'Not everything is copied yet.' }
}

const throttledReasons = {
  records: 'RecordsPerSecond',
  bytes: 'BytesPerSecond',
  queries: 'QueriesInFlight',
  connections: 'Connections',
} as const

const limitNames = {
  records: 'records a second',
  bytes: 'bytes a second',
  queries: 'queries in flight',
  connections: 'connections',
} as const

/** Said only of jobs that were throttled once: for most there is no limit to speak of. */
function throttledCondition(
  statuses: readonly WorkerStatus[],
  previous: SyncJobStatus | undefined,
): Statement | null {
  const unit = statuses.find(({ throttledBy }) => typeof throttledBy === 'string')?.throttledBy
  if (typeof unit === 'string')
    return {
      type: 'Throttled',
      status: 'True',
      reason: throttledReasons[unit],
      message: `The job could read faster: the limit of ${limitNames[unit]} of its source (protection.limits) holds it back.`,
    }
  const wasThrottled = previous?.conditions?.some(({ type }) => type === 'Throttled') ?? false
  if (!wasThrottled || statuses.length === 0) return null
  const message = 'The limits of its source do not hold the job back.'
  return { type: 'Throttled', status: 'False', reason: 'WithinLimits', message }
}

/** Said only of jobs that could not be scaled as they should once. */
function scalingCondition(
  scaling: ObservedScaling | undefined,
  previous: SyncJobStatus | undefined,
): Statement | null {
  if (scaling?.limited) return scaling.limited
  if (!previous?.conditions?.some(({ type }) => type === 'ScalingLimited')) return null
  const message = 'Nothing keeps the operator from the number of workers that the job needs.'
  return { type: 'ScalingLimited', status: 'False', reason: 'DesiredWithinRange', message }
}

/** Counts outlive the worker that made them when it has ended for good, or while there is nothing to count. */
function kept(previous: SyncJobStatus | undefined, isAtRest: boolean): Partial<SyncJobStatus> {
  const { tables, rows } = previous ?? {}
  return isAtRest && tables !== undefined && rows !== undefined ? { tables, rows } : {}
}

function lastCommit(time: string | undefined): Partial<SyncJobStatus> {
  return time === undefined ? {} : { lastCommitTime: time }
}

function chronologically(a: string, b: string): number {
  return a < b ? -1 : 1
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
