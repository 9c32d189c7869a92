// A job as the builders are given it, and what they make of it.
import type { DataSource } from '#api/data-source.ts'
import type { Plan } from '#api/plan.ts'
import type { SyncJob } from '#api/sync-job.ts'
import { compile } from '#master/compile.ts'
import { isConfigError, readResource } from '#operator/resource-check.ts'
import type { Job } from '#operator/resources.ts'
import { buildCheckJob } from '#operator/sync-job/check-job.ts'
import { buildChildren } from '#operator/sync-job/children.ts'
import type { Children } from '#operator/sync-job/children.ts'
import type { WorkerImage } from '#operator/sync-job/worker-pod.ts'
import type { Json } from '../fake-api-store.ts'
import { lake, shopDb, shopToLake } from './fixtures.ts'

export const worker: WorkerImage = {
  image: 'registry.example/sluice:1',
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
}

export function compiled(changes: Json = {}): { job: SyncJob; plan: Plan } {
  const job = parsed(readResource('SyncJob', shopToLake(changes)))
  const dataSources = [shopDb(), lake()].map((each): DataSource => parsed(readResource('DataSource', each)))
  job.metadata.uid = 'uid-1'
  return { job, plan: compile(job, { dataSources, virtualTables: [] }) }
}

export function built(changes: Json = {}, image = worker): { job: SyncJob; children: Children; check: Job } {
  const { job, plan } = compiled(changes)
  const children = buildChildren(job, plan, image, 1)
  const planMapName = children.plan.metadata.name
  return { job, children, check: buildCheckJob(job, plan, { worker: image, planMapName }) }
}

function parsed<T>(read: T): Exclude<T, Error> {
  if (isConfigError(read)) throw read
  return read as Exclude<T, Error>
}
