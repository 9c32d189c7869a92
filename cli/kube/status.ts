// `kubectl sluice status [JOB]`: how the jobs do. The exit code says whether all of them are ready.
import { parseArgs } from 'node:util'
import { podType } from '#operator/resources.ts'
import { UsageError } from '../usage-error.ts'
import { findJob, listJobs, oneJobName } from './find-job.ts'
import { orGap, readJobFacts, workerSelector } from './job-facts.ts'
import { jobRow, renderJobs, withWorkers } from './job-row.ts'
import { jobView, renderJob } from './job-view.ts'
import { clusterOptions } from './session.ts'
import type { Open, Session } from './session.ts'

interface Shape {
  json: boolean
  allNamespaces: boolean
}

export async function run(argv: string[], open: Open): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...clusterOptions,
      'all-namespaces': { type: 'boolean', short: 'A' },
      output: { type: 'string', short: 'o' },
    },
  })
  if (values.output !== undefined && values.output !== 'json') throw new UsageError('--output is json')
  const shape = { json: values.output === 'json', allNamespaces: values['all-namespaces'] === true }
  if (positionals.length === 0) return statusOfAll(await open(values), shape)
  if (shape.allNamespaces) throw new UsageError('a job has one namespace: -n NAMESPACE, not -A')
  const name = oneJobName(positionals)
  return statusOfOne(await open(values), name, shape)
}

async function statusOfAll(session: Session, { json, allNamespaces }: Shape): Promise<number> {
  const { client, clock, signal, write, warn } = session
  const namespace = allNamespaces ? undefined : session.namespace
  const gaps: string[] = []
  const [jobs, pods] = await Promise.all([
    listJobs(session, namespace),
    orGap(gaps, 'pods', [], client.list(podType, { namespace, labelSelector: workerSelector(), signal })),
  ])
  const nowMs = clock.nowMs()
  const rows = withWorkers(jobs, pods).map(({ job, workers }) => jobRow(job, workers, nowMs))
  for (const gap of gaps) warn(`Not to be had: ${gap}\n`)
  if (json) await write(`${JSON.stringify({ jobs: rows }, null, 2)}\n`)
  else if (rows.length > 0) await write(`${renderJobs(rows, allNamespaces).join('\n')}\n`)
  else
    warn(allNamespaces ? 'There are no SyncJobs.\n' : `There are no SyncJobs in namespace "${namespace}".\n`)
  return rows.every(({ ready }) => ready === 'True') ? 0 : 1
}

async function statusOfOne(session: Session, name: string, { json }: Shape): Promise<number> {
  const facts = await readJobFacts(session, await findJob(session, name))
  const view = jobView(facts)
  await session.write(
    json ? `${JSON.stringify(view, null, 2)}\n` : `${renderJob(view, facts.nowMs).join('\n')}\n`,
  )
  return view.ready === 'True' ? 0 : 1
}
