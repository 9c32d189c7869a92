// Tells whether a job is what it was: its spec, and all of the resources around it that its plan is made of.
import { contentHash } from '../kube/apply.ts'
import type { SyncJobObject } from '../resources.ts'
import type { CompiledJob } from '../sync-job/compile-job.ts'

const known = new WeakMap<CompiledJob, string>()

export function specHash({ metadata }: SyncJobObject, compiled: CompiledJob): string {
  let hash = known.get(compiled)
  if (hash === undefined) {
    // Not all of a spec is part of the plan: `restart`, the size of workers.
    hash = contentHash([metadata.generation, compiled.plan]).slice(0, 10)
    known.set(compiled, hash)
  }
  return hash
}
