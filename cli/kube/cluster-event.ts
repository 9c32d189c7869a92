// Events of the cluster about a job: the operator's own, and those of the kubelet, the scheduler and the
// controllers about what the operator made for it.
import type { KubeObject, ResourceType } from '#operator/kube/object.ts'
import { shortName, workerName } from '#operator/sync-job/names.ts'

/**
 * An event of the core group: the same objects as in events.k8s.io, where the role `view` does not reach
 * (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/). Newer reporters fill `series`
 * and `eventTime`, older ones `count` and `lastTimestamp`.
 */
export interface ClusterEvent extends KubeObject {
  involvedObject: { kind?: string; name?: string }
  type?: string
  reason?: string
  message?: string
  count?: number
  lastTimestamp?: string | null
  eventTime?: string | null
  series?: { count: number; lastObservedTime: string }
}

export const clusterEventType: ResourceType<ClusterEvent> = {
  apiVersion: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
}

/** The letters Kubernetes makes the names of ReplicaSets and Pods of. */
const hash = '[bcdfghjklmnpqrstvwxz2456789]+'

/** Whether an event is about the job, its workers or its teardown. */
export function concerns({ involvedObject }: ClusterEvent, job: string): boolean {
  const { kind, name = '' } = involvedObject
  if (kind === 'SyncJob') return name === job
  const made = new RegExp(`^${escape(workerName(job))}(-${hash}){0,2}$`)
  const once = `${escape(shortName(job).slice(0, 44))}-(teardown-[0-9a-f]{8}|check-[0-9a-f]{10})`
  return made.test(name) || new RegExp(`^${once}(-${hash})?$`).test(name)
}

function escape(text: string): string {
  return text.replaceAll('.', String.raw`\.`)
}

/** When it was seen last, ms since the epoch. */
export function lastSeenMs({ series, lastTimestamp, eventTime, metadata }: ClusterEvent): number {
  const time = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp
  return Date.parse(time ?? '') || 0
}

export function timesSeen({ series, count }: ClusterEvent): number {
  return series?.count ?? count ?? 1
}

/** The newest last, at most so many. */
export function newest(events: readonly ClusterEvent[], count: number): ClusterEvent[] {
  return events.toSorted((a, b) => lastSeenMs(a) - lastSeenMs(b)).slice(-count)
}
