// Facts read off the objects of a job.
import type { V1PodSpec } from '@kubernetes/client-node'
import type { Plan } from '#api/plan.ts'
import { contentHash } from '../kube/apply.ts'
import type { KubeObject } from '../kube/object.ts'
import type { Pod, SyncJobObject } from '../resources.ts'
import { componentLabel, planName } from './names.ts'
import type { Component } from './names.ts'
import { sharedArg } from './worker-pod.ts'

const is =
  (component: Component) =>
  ({ metadata }: KubeObject): boolean =>
    metadata.labels?.[componentLabel] === component

export const isWorker: (pod: Pod) => boolean = is('worker')
export const isTeardown: (pod: Pod) => boolean = is('teardown')
/** A pod, or the Job around it. */
export const isCheck: (object: KubeObject) => boolean = is('check')
/** A pod, or the Job around it. */
export const isProbe: (object: KubeObject) => boolean = is('probe')
/** A plan that workers run or ran. One that is only being checked is not. */
export const isPlan: (object: KubeObject) => boolean = is('plan')

export function isReady({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined) return false
  return status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') ?? false
}

/** Whether there is a process to ask: a pod stays in phase Running while its container waits to be restarted. */
export function isRunning({ status }: Pod): boolean {
  const running = status?.containerStatuses?.some(({ state }) => state?.running !== undefined)
  return status?.podIP !== undefined && running === true
}

/** The ConfigMap with the plan a pod was started with. */
export function planNameOf({ spec }: { spec?: V1PodSpec | undefined }): string | undefined {
  return spec?.volumes?.find(({ name }) => name === 'plan')?.configMap?.name
}

/** Whether a worker reads a part of its job, as the master says; otherwise it reads all of it. */
export function sharesJob({ spec }: Pod): boolean {
  return spec.containers.some(({ args = [] }) => args.includes(sharedArg))
}

/** Of a job that is shared: whether this one is from before that, and still reads all of it. */
export function readsWhole(pod: Pod): boolean {
  return isWorker(pod) && isRunning(pod) && !sharesJob(pod)
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
