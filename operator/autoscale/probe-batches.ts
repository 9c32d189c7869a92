// Which idle jobs one pod looks at: those whose pods would be the same but for the plan. They have one source and one
// target, so the pod has the Secrets and the network policy that each of them alone would give it, and no more.
import { probedPlansMax } from '#api/probe.ts'
import { connectors } from '#connectors/registry.ts'
import { contentHash } from '../kube/apply.ts'
import type { CompiledJob } from '../sync-job/compile-job.ts'

export interface Waiting {
  compiled: CompiledJob
  nextProbeAtMs: number
  /** Otherwise it may come along with one that is. */
  isDue: boolean
}

/** Plans are files in the pod's memory. */
const planBytesMax = 1024 * 1024

/** Each has a job that is due. Those that have waited longest come first, and in each the job that has. */
export function probeBatches<T extends Waiting>(waiting: readonly T[]): (readonly T[])[] {
  const byTime = waiting.toSorted((a, b) => a.nextProbeAtMs - b.nextProbeAtMs)
  return [...Map.groupBy(byTime, ({ compiled }) => podKey(compiled)).values()]
    .filter(group => group.some(({ isDue }) => isDue))
    .map(group => group.slice(0, fitting(group)))
}

/** How many of them go into one pod; one does, however large. */
function fitting(group: readonly Waiting[]): number {
  let bytes = 0
  const tooMany = group.findIndex(({ compiled: { plan } }, at) => {
    bytes += Buffer.byteLength(JSON.stringify(plan))
    return at > 0 && (at >= probedPlansMax || bytes > planBytesMax)
  })
  return tooMany < 0 ? group.length : tooMany
}

const known = new WeakMap<CompiledJob, string>()

/** The same for two jobs: a pod of one of them may look for the other. */
function podKey(compiled: CompiledJob): string {
  let key = known.get(compiled)
  if (key === undefined) {
    const { job, plan } = compiled
    const { source, target, priority } = plan
    // What the service account may do is not to be lent to another job.
    const identity = [source, target].some(usesPodIdentity) ? job.metadata.name : ''
    key = contentHash([job.metadata.namespace, source, target, priority, identity])
    known.set(compiled, key)
  }
  return key
}

function usesPodIdentity({ type, spec }: CompiledJob['plan']['source']): boolean {
  return connectors[type]?.usesPodIdentity?.(spec as never) ?? false
}
