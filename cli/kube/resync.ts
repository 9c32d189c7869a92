// `kubectl sluice resync JOB`: has tables read from the source anew. Sets spec.resync; the id is the time unless given.
import { parseArgs } from 'node:util'
import { parseDuration } from '#api/duration.ts'
import type { SyncJobObject } from '#operator/resources.ts'
import { applySpec, warnOfOwner } from './apply-spec.ts'
import { awaitJob } from './await-job.ts'
import { findJob, oneJobName } from './find-job.ts'
import { isSuspended, readyOf } from './job-row.ts'
import { clusterOptions } from './session.ts'
import type { Open } from './session.ts'

const fieldManager = 'kubectl-sluice-resync'

export async function run(argv: string[], open: Open): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...clusterOptions,
      table: { type: 'string', multiple: true },
      id: { type: 'string' },
      wait: { type: 'boolean' },
      timeout: { type: 'string', default: '1h' },
    },
  })
  const name = oneJobName(positionals)
  const timeoutMs = parseDuration(values.timeout)
  const session = await open(values)
  const before = await findJob(session, name)
  const id = values.id ?? new Date(session.clock.nowMs()).toISOString().slice(0, 19)
  warnOfOwner(session, before, { field: 'resync', fieldManager, as: 'resync' })
  const tables = values.table === undefined ? {} : { tables: values.table }
  await applySpec(session, before, { fieldManager, spec: { resync: { id, ...tables } } })
  const what = values.table === undefined ? 'all tables' : values.table.join(', ')
  await session.write(`syncjob/${name} reads ${what} anew (resync ${id})\n`)
  if (isSuspended(before)) session.warn('Note: the job is paused, and begins with it when it is resumed.\n')
  if (values.wait !== true) return 0
  const missing = (job: SyncJobObject): string | null => leftOf(job, id)
  return awaitJob(session, { name, timeoutMs, missing, done: () => 'has read them all' })
}

/** What is still missing; null when nothing is. */
function leftOf(job: SyncJobObject, id: string): string | null {
  const { resync } = job.status ?? {}
  if (resync?.id === id && resync.phase === 'Done') return null
  if (resync?.id === id && resync.tables !== undefined)
    return `${resync.tablesDone ?? 0} of ${resync.tables} tables are done`
  const held = job.status?.conditions?.find(({ type, status }) => type === 'RolledOut' && status === 'False')
  const told = held ?? readyOf(job)
  return told === undefined ? 'the operator has not looked at it yet' : `${told.reason}: ${told.message}`
}
