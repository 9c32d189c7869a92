// Facts read off the pods of a job.
import type { Plan } from '#api/plan.ts'
import { contentHash } from '../kube/apply.ts'
import type { Pod, SyncJobObject } from '../resources.ts'
import { componentLabel, planName } from './names.ts'

export function isWorker({ metadata }: Pod): boolean {
  return metadata.labels?.[componentLabel] === 'worker'
}

/** Whether there is a process to ask: a pod stays in phase Running while its container waits to be restarted. */
export function isRunning({ status }: Pod): boolean {
  const running = status?.containerStatuses?.some(({ state }) => state?.running !== undefined)
  return status?.podIP !== undefined && running === true
}

/** The ConfigMap with the plan a pod was started with. */
export function planNameOf({ spec }: Pod): string | undefined {
  return spec.volumes?.find(({ name }) => name === 'plan')?.configMap?.name
}

/**
 * Whether a job with an end has reached it: its worker, started with this very plan, ended by itself and well. Once
 * seen it is kept in the status, for this generation of the spec: the pod is gone by the next look.
 */
export function isComplete(object: SyncJobObject, plan: Plan, pods: readonly Pod[]): boolean {
  const noted = object.status?.conditions?.some(
    ({ type, status, observedGeneration }) =>
      type === 'Complete' && status === 'True' && observedGeneration === object.metadata.generation,
  )
  if (noted === true) return true
  const expected = planName(object.metadata.name, contentHash(plan))
  // A pod that is being deleted ends well too, because it was told to.
  return pods.some(
    pod => pod.metadata.deletionTimestamp === undefined && planNameOf(pod) === expected && endedByItself(pod),
  )
}

function endedByItself({ status }: Pod): boolean {
  return (status?.containerStatuses ?? []).some(
    ({ state, lastState }) => (state?.terminated ?? lastState?.terminated)?.exitCode === 0,
  )
}
