// Names and labels of what belongs to a SyncJob. All follow from the job's name alone, so that a restarted
// operator finds what it made, and people know where to look: `kubectl get pods -l sluice.dev/job=NAME`.
import type { ObjectMeta } from '../kube/object.ts'
import { contentHash } from '../kube/apply.ts'

export const managedByLabel = 'app.kubernetes.io/managed-by'
export const managedBy = 'sluice-operator'
export const jobLabel = 'sluice.dev/job'
export const componentLabel = 'app.kubernetes.io/component'

export type Component = 'worker' | 'plan' | 'teardown' | 'check' | 'probe'

/** A label value has 63 characters, a resource's name up to 253: long names are cut and made unique by a hash. */
const nameLengthMax = 48

export function shortName(name: string): string {
  if (name.length <= nameLengthMax) return name
  return `${name.slice(0, nameLengthMax - 9).replace(/[.-]+$/, '')}-${contentHash(name).slice(0, 8)}`
}

export function workerName(job: string): string {
  return `${shortName(job)}-worker`
}

export function planName(job: string, hash: string): string {
  return `${shortName(job)}-plan-${hash.slice(0, 10)}`
}

/** With a part of the uid: what was done for a namesake deleted before is not done for this one. */
export function teardownName({ metadata }: { metadata: ObjectMeta }): string {
  return `${shortName(metadata.name).slice(0, 44)}-teardown-${(metadata.uid ?? '').slice(0, 8)}`
}

/** With a hash of what is checked, and for which job. */
export function checkName(job: string, hash: string): string {
  return `${shortName(job).slice(0, 44)}-check-${hash.slice(0, 10)}`
}

/** With a hash of the job and the time, since there is one after the other. */
export function probeName(job: string, hash: string): string {
  return `${shortName(job).slice(0, 44)}-probe-${hash.slice(0, 10)}`
}

/** Of the policy for all checks of a job. */
export function checkPolicyName(job: string): string {
  return `${shortName(job)}-check`
}

/** What selects the pods of a component of a job; never changed, since selectors are immutable. */
export function selectorOf(job: string, component: Component): Record<string, string> {
  return { 'app.kubernetes.io/name': 'sluice', [componentLabel]: component, [jobLabel]: shortName(job) }
}

export function labelsOf(job: string, component: Component): Record<string, string> {
  return { ...selectorOf(job, component), [managedByLabel]: managedBy }
}

/** The key under which objects of a job are indexed: of those that carry its label. */
export function jobKeyOf({ metadata }: { metadata: ObjectMeta }): string[] {
  const name = metadata.labels?.[jobLabel]
  return name === undefined ? [] : [`${metadata.namespace}/${name}`]
}

/** The same key, from the job itself. */
export function jobIndexKey({ metadata }: { metadata: ObjectMeta }): string {
  return `${metadata.namespace}/${shortName(metadata.name)}`
}
