// For `explain`: how many workers there are, and why one that should be there is not.
import type { ClusterEvent } from './cluster-event.ts'
import { newest } from './cluster-event.ts'
import type { JobFacts, WorkerFacts } from './job-facts.ts'
import { isIdle, isSuspended, readyOf } from './job-row.ts'
import { explainReason } from './reasons.ts'
import { workerRow } from './worker-row.ts'
import type { WorkerRow } from './worker-row.ts'
import { ageText } from '../text-table.ts'

export function explainWorkers(facts: JobFacts): string[] {
  const { job, deployment, workers, nowMs } = facts
  if (deployment === null) return [withoutDeployment(facts)]
  const wanted = deployment.spec.replicas ?? 1
  const rows = workers.map(worker => workerRow(worker, nowMs))
  const ready = rows.filter(row => row.ready).length
  const why = wanted === 0 ? ` (${whyNone(job)})` : ''
  return [
    `wanted ${wanted}${why}, there ${rows.length}, ready ${ready}`,
    ...workers.flatMap((worker, index) => [
      ...podLines(rows[index]!, facts),
      ...(workers.length > 1 ? splitLines(worker) : []),
    ]),
    ...refusals(facts, wanted),
    ...facts.helperPods.flatMap(pod => podLines(workerRow({ pod, status: null }, nowMs), facts)),
  ]
}

function whyNone(job: JobFacts['job']): string {
  if (isSuspended(job)) return 'spec.suspend'
  return isIdle(job) ? 'the job is idle' : 'nothing is left to do'
}

const namedMax = 6

/** What one of several workers reads. */
function splitLines({ status }: WorkerFacts): string[] {
  const splits = status?.splits
  if (splits === undefined) return []
  if (splits.length === 0) return ['  reads nothing: the others have it all']
  const named = splits.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).slice(0, namedMax)
  const rest = splits.length - named.length
  return [`  reads ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`]
}

function podLines(row: WorkerRow, facts: JobFacts): string[] {
  const restarts = row.restarts === 0 ? '' : `, ${row.restarts} restarts`
  const place = row.node === null ? '' : ` on ${row.node}`
  const line = `${row.name}: ${row.state}${place}, ${ageText(row.ageMs)} old${restarts}`
  return row.problem === null ? [line] : [line, ...problemLines(row.problem, facts)]
}

function withoutDeployment({ job, gaps }: JobFacts): string {
  if (gaps.some(gap => gap.startsWith('the Deployment'))) return 'the Deployment cannot be read'
  const reason = readyOf(job)?.reason
  return reason === undefined
    ? 'none: the operator has made no Deployment yet'
    : `none: the operator makes no Deployment while the job is ${reason}`
}

/** `problem` is a reason and a message. */
function problemLines(problem: string, { job }: Pick<JobFacts, 'job'>): string[] {
  // What ended a container says more than that it is not started again at once.
  const reason = problem.includes('OOMKilled') ? 'OOMKilled' : problem.slice(0, problem.indexOf(':'))
  const line = `  does not run: ${problem}`
  // What it means stands under the condition already.
  if (reason === readyOf(job)?.reason) return [line]
  const { meaning, next } = explainReason(reason)
  const todo = next === null ? [] : [`  Next:  ${next.replaceAll('JOB', job.metadata.name)}`]
  return [line, `  Means: ${meaning}`, ...todo]
}

/** No pod at all: the API server refused to make one, for a quota or a policy, and its words are in these places. */
function refusals(facts: JobFacts, wanted: number): string[] {
  const { deployment, workers, events } = facts
  if (workers.length >= wanted) return []
  const conditions = (deployment?.status?.conditions ?? [])
    .filter(({ type, status }) => type === 'ReplicaFailure' && status === 'True')
    .map(({ reason, message }) => `${reason}: ${message}`)
  const told = newest(events.filter(isRefusal), 1).map(({ reason, message }) => `${reason}: ${message}`)
  const [why] = [...conditions, ...told]
  return why === undefined ? [] : ['no pod can be made:', ...problemLines(why, facts)]
}

function isRefusal({ involvedObject, reason }: ClusterEvent): boolean {
  return involvedObject.kind === 'ReplicaSet' && reason === 'FailedCreate'
}
