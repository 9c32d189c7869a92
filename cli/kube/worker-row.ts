// A worker pod in a line: where it is, how it does, and what keeps it from running.
import type { Pod } from '#operator/resources.ts'
import { podProblem } from '#operator/sync-job/readiness.ts'
import { ageText } from '../text-table.ts'
import type { WorkerFacts } from './job-facts.ts'

export interface WorkerRow {
  name: string
  /** `streaming`, what a worker says; else what Kubernetes says of its pod. */
  state: string
  ready: boolean
  restarts: number
  node: string | null
  ageMs: number
  problem: string | null
}

export function workerRow({ pod, status }: WorkerFacts, nowMs: number): WorkerRow {
  const { metadata, spec } = pod
  const problem = podProblem(pod)
  return {
    name: metadata.name,
    state: stateOf(pod, status?.phase),
    ready:
      pod.status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') ??
      false,
    restarts: (pod.status?.containerStatuses ?? []).reduce((sum, each) => sum + each.restartCount, 0),
    node: spec.nodeName ?? null,
    ageMs: nowMs - Date.parse(metadata.creationTimestamp ?? ''),
    problem: problem === null ? null : `${problem.reason}: ${problem.message}`,
  }
}

function stateOf(pod: Pod, phase: string | undefined): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'ending'
  return phase ?? podProblem(pod)?.reason ?? pod.status?.phase ?? 'Pending'
}

export const workerColumns = [
  { title: 'WORKER' },
  { title: 'STATE' },
  { title: 'READY' },
  { title: 'RESTARTS', right: true },
  { title: 'AGE' },
  { title: 'NODE' },
]

export function workerCells(row: WorkerRow): string[] {
  const ready = row.ready ? 'yes' : 'no'
  return [row.name, row.state, ready, String(row.restarts), ageText(row.ageMs), row.node ?? '–']
}
