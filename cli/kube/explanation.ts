// `explain JOB`: what the operator does with a job and why, in words and numbers. Pure: facts in, lines out.
import { parseDuration } from '#api/duration.ts'
import { ageText, countText } from '../text-table.ts'
import { lastSeenMs, newest, timesSeen } from './cluster-event.ts'
import type { JobFacts } from './job-facts.ts'
import { isIdle, isSuspended, lagText } from './job-row.ts'
import { agoText, endText, specOf } from './job-view.ts'
import { explainReason } from './reasons.ts'
import { explainScaling } from './scaling-text.ts'
import { explainThrottling } from './throttling-text.ts'
import { explainWorkers } from './worker-text.ts'

const eventsShown = 12
const maxLagDefault = '60s'

export function explainJob(facts: JobFacts): string[] {
  const { job } = facts
  const { namespace, name } = job.metadata
  return [
    `SyncJob ${namespace}/${name}`,
    purpose(facts),
    ...section('State', state(facts)),
    ...section('Workers', explainWorkers(facts)),
    ...section('Lag', lag(facts)),
    ...section('What bounds it', explainThrottling(facts)),
    ...section('Scaling', explainScaling(facts)),
    ...section('Last events', events(facts)),
    ...section('Not to be had', facts.gaps),
  ]
}

function purpose(facts: JobFacts): string {
  const spec = specOf(facts)
  const tables = (spec.tables ?? []).map(({ include }) => include).join(', ')
  return `keeps ${tables} of ${endText(facts, 'source')} in step in ${endText(facts, 'target')}; commits at least every ${spec.freshness ?? '5s'} when all is well`
}

function state(facts: JobFacts): string[] {
  const { job, nowMs } = facts
  const { metadata, status } = job
  const lines: string[] = []
  if (metadata.deletionTimestamp !== undefined)
    lines.push(
      `Being deleted since ${agoText(metadata.deletionTimestamp, nowMs)}: its workers end, then a Job removes what it made at the source; the tables stay.`,
    )
  if (status === undefined)
    return [
      ...lines,
      'The operator has not looked at it yet.',
      'Next: kubectl get pods -A -l app.kubernetes.io/component=operator; does the operator run, and does it look at this namespace?',
      'Page: docs/runbooks/SluiceJobsStarting.md',
    ]
  if (status.observedGeneration !== metadata.generation)
    lines.push(
      `The spec is at generation ${metadata.generation}; the operator has seen ${status.observedGeneration ?? 'none'}: what follows is about that one.`,
    )
  for (const { type, status: holds, reason, message, lastTransitionTime } of status.conditions ?? []) {
    const { meaning, next, page } = explainReason(reason, type)
    lines.push(`${type} is ${holds} since ${ageText(nowMs - Date.parse(lastTransitionTime))}: ${reason}`)
    lines.push(`  ${message}`, `  Means: ${meaning}`)
    if (next !== null) lines.push(`  Next:  ${next.replaceAll('JOB', metadata.name)}`)
    if (page !== null) lines.push(`  Page:  ${page}`)
  }
  return lines
}

function lag(facts: JobFacts): string[] {
  const { job, workers, nowMs } = facts
  const { status } = job
  if (status?.lag === undefined)
    return [isSuspended(job) || isIdle(job) ? 'not measured while no worker runs' : 'not known']
  const maxLag = specOf(facts).autoscaling?.maxLag ?? maxLagDefault
  const lagMs = parseDuration(status.lag)
  const late = lagMs > parseDuration(maxLag)
  const commit =
    status.lastCommitTime === undefined ? '' : `; last commit ${agoText(status.lastCommitTime, nowMs)}`
  const tables = workers.flatMap(worker => worker.status?.tables ?? [])
  const worst = tables.filter(table => table.lagMs !== null).toSorted((a, b) => b.lagMs! - a.lagMs!)[0]
  const rows = status.rows === undefined ? '' : `; ${countText(status.rows)} rows since the workers started`
  return [
    `${lagText(lagMs)}, ${late ? 'more' : 'no more'} than autoscaling.maxLag (${maxLag})${commit}${rows}`,
    ...(worst === undefined || tables.length < 2
      ? []
      : [`worst table: ${worst.name}, ${lagText(worst.lagMs)}`]),
    ...(late ? ['Page: docs/runbooks/SluiceLagHigh.md'] : []),
  ]
}

function events({ events: all, nowMs, gaps }: JobFacts): string[] {
  if (gaps.some(gap => gap.startsWith('events:'))) return []
  if (all.length === 0) return ['none: Kubernetes forgets them after an hour']
  return newest(all, eventsShown).map(event => {
    const { type, reason, message = '', involvedObject } = event
    const times = timesSeen(event) > 1 ? ` (${timesSeen(event)} times)` : ''
    const age = ageText(Math.max(0, nowMs - lastSeenMs(event))).padStart(6)
    return `${age}  ${type}  ${reason}  ${involvedObject.kind} ${involvedObject.name}: ${oneLine(message)}${times}`
  })
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map(line => `  ${line}`)]
}
