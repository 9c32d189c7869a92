// What the pods of a job are promised and may use: as its spec says, and what that does not say by the size of
// its workers.
import { parseQuantity } from '#api/quantity.ts'
import type { Quantity } from '#api/quantity.ts'
import type { SyncJob, SyncJobSpec } from '#api/sync-job.ts'

export interface PodResources {
  requests: Record<string, string>
  limits: Record<string, string>
}

const mebibyte = 2 ** 20
const laneCpuMillis = 250
const laneMemoryMebibytes = 256
/** Is in what the lanes have. */
const bufferMebibytes = 96
/** Between what is promised and what may be used: a compaction, or a wide row group, now and then. */
const spareMebibytes = 512

/** Of a worker pod. A request that nobody stated is never above a limit that somebody did, nor the other way round. */
export function resourcesOf({ spec: { worker } }: SyncJob): PodResources {
  const size = bySize(worker)
  const { requests = {}, limits = {} } = worker.resources ?? {}
  return {
    requests: { ...within(size.requests, limits, (request, limit) => request > limit), ...texts(requests) },
    limits: { ...within(size.limits, requests, (limit, request) => limit < request), ...texts(limits) },
  }
}

/** Of a pod that looks at the ends of a job: it holds no rows, and must find room beside a worker. */
export function briefResourcesOf(job: SyncJob): PodResources {
  return { ...briefResources, limits: resourcesOf(job).limits }
}

/** Of one whose job need not be readable any more. */
export const briefResources: PodResources = {
  requests: { cpu: '50m', memory: '64Mi' },
  limits: { memory: '512Mi' },
}

/** CPU is not limited: a worker that has more to do for a while may use what nobody else wants. */
function bySize({ lanes, bufferSize }: SyncJobSpec['worker']): PodResources {
  const bufferMore = Math.max(0, Math.ceil(parseQuantity(bufferSize) / mebibyte) - bufferMebibytes)
  const memory = lanes * laneMemoryMebibytes + bufferMore
  return {
    requests: { cpu: coresText(lanes * laneCpuMillis), memory: memoryText(memory) },
    limits: { memory: memoryText(memory + spareMebibytes) },
  }
}

// Both as the API server would write them.
function coresText(millis: number): string {
  return millis % 1000 === 0 ? `${millis / 1000}` : `${millis}m`
}

function memoryText(mebibytes: number): string {
  return mebibytes % 1024 === 0 ? `${mebibytes / 1024}Gi` : `${mebibytes}Mi`
}

/** Defaults, each replaced by what is stated of the same resource on the other side where the two do not go together. */
function within(
  defaults: Record<string, string>,
  stated: Readonly<Record<string, Quantity>>,
  conflict: (own: number, other: number) => boolean,
): Record<string, string> {
  const entries = Object.entries(defaults).map(([name, own]) => {
    const other = stated[name]
    const replaced = other !== undefined && conflict(parseQuantity(own), parseQuantity(other))
    return [name, replaced ? String(other) : own]
  })
  return Object.fromEntries(entries)
}

function texts(list: Record<string, Quantity>): Record<string, string> {
  return Object.fromEntries(Object.entries(list).map(([name, quantity]) => [name, String(quantity)]))
}
