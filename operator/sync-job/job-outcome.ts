// How a Kubernetes Job of ours ended, and what its pods said.
import type { Job, Pod } from '../resources.ts'

export type JobOutcome = 'running' | 'done' | 'failed'

export function jobOutcome(job: Job): JobOutcome {
  const holds = (type: string): boolean =>
    job.status?.conditions?.some(condition => condition.type === type && condition.status === 'True') ?? false
  if (holds('Complete')) return 'done'
  return holds('Failed') ? 'failed' : 'running'
}

/** What the last of these pods said before it failed. */
export function lastComplaint(pods: readonly Pod[]): string | null {
  const messages = pods
    .flatMap(pod => pod.status?.containerStatuses?.map(({ state }) => state?.terminated) ?? [])
    .flatMap(ended => (ended && ended.exitCode !== 0 ? [ended] : []))
    .toSorted((a, b) => ((a.finishedAt ?? '') < (b.finishedAt ?? '') ? -1 : 1))
    .map(({ message, exitCode }) => message?.trim() || `exit code ${exitCode}`)
  return messages.at(-1) ?? null
}
