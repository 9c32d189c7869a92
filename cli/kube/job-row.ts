// One job in figures, as `status` prints and gives it to programs.
import { parseDuration } from '#api/duration.ts'
import type { Condition } from '#api/resource.ts'
import type { Pod, SyncJobObject } from '#operator/resources.ts'
import { jobIndexKey, jobKeyOf } from '#operator/sync-job/names.ts'
import { ageText, countText, textTable } from '../text-table.ts'
import type { TextColumn } from '../text-table.ts'

export interface JobRow {
  namespace: string
  name: string
  ready: 'True' | 'False' | 'Unknown'
  reason: string
  message: string
  /** Age of the oldest change that is not in the target yet; null when it is not known. */
  lagMs: number | null
  replicas: number
  readyReplicas: number
  rows: number | null
  /** On the average since the workers started; null when it is not known. */
  rowsPerSecond: number | null
  ageMs: number
  suspended: boolean
}

export function jobRow(job: SyncJobObject, workers: readonly Pod[], nowMs: number): JobRow {
  const { metadata } = job
  const { lag, replicas = 0, readyReplicas = 0, rows = null } = job.status ?? {}
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    ...verdictOf(job),
    lagMs: lag === undefined ? null : parseDuration(lag),
    replicas,
    readyReplicas,
    rows,
    rowsPerSecond: rowsPerSecond(job, workers),
    ageMs: nowMs - Date.parse(metadata.creationTimestamp ?? ''),
    suspended: isSuspended(job),
  }
}

function verdictOf(job: SyncJobObject): Pick<JobRow, 'ready' | 'reason' | 'message'> {
  const { status, reason, message } = readyOf(job) ?? notLookedAt
  const deleted = job.metadata.deletionTimestamp !== undefined
  return { ready: status, reason: deleted ? 'BeingDeleted' : reason, message }
}

const notLookedAt = {
  status: 'Unknown',
  reason: 'NotLookedAt',
  message: 'The operator has not looked at it yet.',
} as const

export function readyOf({ status }: SyncJobObject): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready')
}

/** It has no worker until there is something to read. */
export function isIdle(job: SyncJobObject): boolean {
  return readyOf(job)?.reason === 'Idle'
}

export function isSuspended({ spec }: SyncJobObject): boolean {
  return (spec as { suspend?: boolean } | undefined)?.suspend === true
}

/** Each with the pods that are its workers. */
export function withWorkers(
  jobs: readonly SyncJobObject[],
  pods: readonly Pod[],
): { job: SyncJobObject; workers: Pod[] }[] {
  const byJob = Map.groupBy(pods, pod => jobKeyOf(pod)[0] ?? '')
  return jobs.map(job => ({ job, workers: byJob.get(jobIndexKey(job)) ?? [] }))
}

/** `status.rows` counts since the workers started; it was true when the status was last written. */
function rowsPerSecond({ status, metadata }: SyncJobObject, workers: readonly Pod[]): number | null {
  const startedMs = workers.flatMap(({ status: of }) =>
    (of?.containerStatuses ?? []).map(({ state }) => Date.parse(state?.running?.startedAt ?? '')),
  )
  const fields = metadata.managedFields as { subresource?: string; time?: string }[] | undefined
  const writtenMs = (fields ?? [])
    .filter(({ subresource }) => subresource === 'status')
    .map(({ time }) => Date.parse(time ?? ''))
  const elapsedS = (Math.max(...writtenMs) - Math.min(...startedMs)) / 1000
  if (status?.rows === undefined || !Number.isFinite(elapsedS) || elapsedS < 1) return null
  return Math.round(status.rows / elapsedS)
}

const columns: readonly TextColumn[] = [
  { title: 'NAME' },
  { title: 'READY' },
  { title: 'REASON' },
  { title: 'LAG', right: true },
  { title: 'REPLICAS', right: true },
  { title: 'ROWS/S', right: true },
  { title: 'AGE' },
]

export function renderJobs(rows: readonly JobRow[], withNamespace: boolean): string[] {
  const cells = rows.map(row => [
    ...(withNamespace ? [row.namespace] : []),
    row.name,
    row.ready,
    row.reason,
    lagText(row.lagMs),
    `${row.readyReplicas}/${row.replicas}`,
    rateText(row.rowsPerSecond),
    ageText(row.ageMs),
  ])
  return textTable(withNamespace ? [{ title: 'NAMESPACE' }, ...columns] : columns, cells)
}

/** `3s`, `4m`; a dash when it is not known. */
export function lagText(lagMs: number | null): string {
  if (lagMs === null) return '–'
  return lagMs < 10_000 ? `${Number((lagMs / 1000).toFixed(1))}s` : ageText(lagMs)
}

export function rateText(rowsPerS: number | null): string {
  return rowsPerS === null ? '–' : countText(rowsPerS)
}
