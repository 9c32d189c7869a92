// How what belongs to a SyncJob says so.
import type { SyncJob } from '#api/sync-job.ts'
import { controllerReference } from '../kube/object.ts'
import type { KubeObject, ObjectMeta } from '../kube/object.ts'
import { labelsOf } from './names.ts'
import type { Component } from './names.ts'

export function childMeta(job: KubeObject | SyncJob, name: string, component: Component): ObjectMeta {
  return {
    name,
    namespace: job.metadata.namespace,
    labels: labelsOf(job.metadata.name, component),
    ownerReferences: [controllerReference(job)],
  }
}
