// `status JOB`: one job with its conditions, tables and workers, as text and for programs.
import type { SyncJobSpec } from '#api/sync-job.ts'
import type { WorkerTableStatus } from '#api/worker-status.ts'
import { ageText, countText, textFields, textTable } from '../text-table.ts'
import type { JobFacts } from './job-facts.ts'
import { jobRow, lagText, rateText } from './job-row.ts'
import type { JobRow } from './job-row.ts'
import { workerCells, workerColumns, workerRow } from './worker-row.ts'
import type { WorkerRow } from './worker-row.ts'

export interface JobView extends JobRow {
  source: string
  target: string
  mode: string
  /** Whether the operator has seen the present spec. */
  observed: boolean
  lastCommitTime: string | null
  conditions: { type: string; status: string; reason: string; message: string; lastTransitionTime: string }[]
  /** Null when no worker could be asked. */
  tables: WorkerTableStatus[] | null
  workers: WorkerRow[]
  gaps: string[]
}

export function jobView(facts: JobFacts): JobView {
  const { job, nowMs, workers, gaps } = facts
  const { status, metadata } = job
  const told = workers.flatMap(worker => worker.status ?? [])
  return {
    ...jobRow(
      job,
      workers.map(({ pod }) => pod),
      nowMs,
    ),
    source: endText(facts, 'source'),
    target: endText(facts, 'target'),
    mode: specOf(facts).mode ?? 'snapshotAndStream',
    observed: status?.observedGeneration === metadata.generation,
    lastCommitTime: status?.lastCommitTime ?? null,
    conditions: (status?.conditions ?? []).map(
      ({ type, status: holds, reason, message, lastTransitionTime }) => ({
        type,
        status: holds,
        reason,
        message,
        lastTransitionTime,
      }),
    ),
    tables: told.length === 0 ? null : told.flatMap(({ tables }) => tables),
    workers: workers.map(worker => workerRow(worker, nowMs)),
    gaps,
  }
}

/** The spec as the API server has it, with the defaults of the CRD filled in; a field may be missing nevertheless. */
export function specOf({ job }: Pick<JobFacts, 'job'>): Partial<SyncJobSpec> {
  return (job.spec ?? {}) as Partial<SyncJobSpec>
}

/** `shop-db (postgres)`. */
export function endText(facts: JobFacts, end: 'source' | 'target'): string {
  const name = specOf(facts)[end]?.name ?? '–'
  const found = facts[end]?.spec as { type?: string } | undefined
  if (found?.type !== undefined) return `${name} (${found.type})`
  const unread = facts.gaps.some(gap => gap.startsWith(`DataSource ${name}:`))
  return unread ? name : `${name} (there is no such DataSource)`
}

export function renderJob(view: JobView, nowMs: number): string[] {
  const fields: [string, string][] = [
    ['SyncJob', `${view.namespace}/${view.name}`],
    ['Ready', `${view.ready}  ${view.reason}`],
    ['', view.message],
    ['From', view.source],
    ['To', view.target],
    ['Mode', view.mode],
    ['Lag', lagText(view.lagMs)],
    ['Rows', rowsText(view)],
    ['Last commit', view.lastCommitTime === null ? '–' : agoText(view.lastCommitTime, nowMs)],
    ['Age', ageText(view.ageMs)],
  ]
  if (!view.observed) fields.push(['Note', 'the operator has not looked at the present spec yet'])
  return [
    ...textFields(fields),
    ...section(conditionLines(view, nowMs)),
    ...section(tableLines(view)),
    ...section(workerLines(view)),
    ...section(view.gaps.map(gap => `Not to be had: ${gap}`)),
  ]
}

function rowsText({ rows, rowsPerSecond }: JobRow): string {
  if (rows === null) return '–'
  const rate = rowsPerSecond === null ? '' : `, ${rateText(rowsPerSecond)} rows/s on the average`
  return `${countText(rows)} since the workers started${rate}`
}

function conditionLines({ conditions }: JobView, nowMs: number): string[] {
  if (conditions.length === 0) return ['No conditions: the operator has not looked at the job yet.']
  const columns = [{ title: 'CONDITION' }, { title: 'STATUS' }, { title: 'REASON' }, { title: 'SINCE' }]
  return textTable(
    columns,
    conditions.map(each => [each.type, each.status, each.reason, agoText(each.lastTransitionTime, nowMs)]),
  )
}

function tableLines({ tables }: JobView): string[] {
  if (tables === null) return []
  const columns = [
    { title: 'TABLE' },
    { title: 'STATE' },
    { title: 'ROWS', right: true },
    { title: 'LAG', right: true },
    { title: 'LAST COMMIT' },
  ]
  const rows = tables.map(table => [
    table.name,
    table.state,
    countText(table.rowsTotal),
    lagText(table.lagMs),
    table.lastCommitAt ?? '–',
  ])
  return textTable(columns, rows)
}

function workerLines({ workers }: JobView): string[] {
  if (workers.length === 0) return ['No workers.']
  const problems = workers.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]))
  return [...textTable(workerColumns, workers.map(workerCells)), ...problems]
}

function section(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines]
}

/** `3m20s ago`. */
export function agoText(time: string, nowMs: number): string {
  return `${ageText(Math.max(0, nowMs - Date.parse(time)))} ago`
}
