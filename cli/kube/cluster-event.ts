// Events of the cluster about a job: the operator's own, and those of the kubelet, the scheduler and the
// controllers about what the operator made for it.
import type { EventObject } from '#operator/kube/events.ts'
import { shortName, workerName } from '#operator/sync-job/names.ts'

/** An event as events.k8s.io/v1 gives it; reporters of the older API fill the deprecated fields. */
export type ClusterEvent = EventObject & {
  deprecatedCount?: number
  deprecatedFirstTimestamp?: string
  deprecatedLastTimestamp?: string
}

/** The letters Kubernetes makes the names of ReplicaSets and Pods of. */
const hash = '[bcdfghjklmnpqrstvwxz2456789]+'

/** Whether an event is about the job, its workers or its teardown. */
export function concerns({ regarding }: Pick<ClusterEvent, 'regarding'>, job: string): boolean {
  const { kind, name = '' } = regarding
  if (kind === 'SyncJob') return name === job
  const made = new RegExp(`^${escape(workerName(job))}(-${hash}){0,2}$`)
  const teardown = new RegExp(`^${escape(shortName(job).slice(0, 44))}-teardown-[0-9a-f]{8}(-${hash})?$`)
  return made.test(name) || teardown.test(name)
}

function escape(text: string): string {
  return text.replaceAll('.', String.raw`\.`)
}

/** When it was seen last, ms since the epoch. */
export function lastSeenMs(event: ClusterEvent): number {
  const { series, deprecatedLastTimestamp, eventTime, metadata } = event
  const time = series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp
  return Date.parse(time ?? '') || Date.parse(metadata.creationTimestamp ?? '') || 0
}

export function timesSeen({ series, deprecatedCount }: ClusterEvent): number {
  return series?.count ?? deprecatedCount ?? 1
}

/** The newest last, at most so many. */
export function newest(events: readonly ClusterEvent[], count: number): ClusterEvent[] {
  return events.toSorted((a, b) => lastSeenMs(a) - lastSeenMs(b)).slice(-count)
}
