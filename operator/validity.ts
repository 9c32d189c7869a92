// DataSources and VirtualTables do nothing by themselves; their Ready condition says whether a SyncJob can use
// them: they are valid, and what they refer to exists. Whether a server answers is found out by the workers.
import type { Condition } from '#api/resource.ts'
import type { Clock } from '#common/clock.ts'
import type { Caches } from './caches.ts'
import { applyStatus, canonicalJson } from './kube/apply.ts'
import type { KubeClient } from './kube/client.ts'
import { withCondition } from './kube/conditions.ts'
import type { Condition as KubeCondition, Statement } from './kube/conditions.ts'
import { namespacedName } from './kube/object.ts'
import type { ResourceType } from './kube/object.ts'
import type { Requeue } from './kube/work-queue.ts'
import { dataSourceKeyOf } from './caches.ts'
import { isConfigError, readResource } from './resource-check.ts'
import { dataSourceType, virtualTableType } from './resources.ts'
import type { CustomObject } from './resources.ts'

export interface ValidityContext {
  client: KubeClient
  caches: Caches
  clock: Clock
}

const done: Requeue = { afterMs: null }

export async function reconcileDataSource(key: string, context: ValidityContext): Promise<Requeue> {
  const object = context.caches.dataSources.get(key)
  if (object === undefined) return done
  const read = readResource('DataSource', object)
  return state(dataSourceType, object, context, isConfigError(read) ? invalid(read.message) : valid)
}

export async function reconcileVirtualTable(key: string, context: ValidityContext): Promise<Requeue> {
  const { caches } = context
  const object = caches.virtualTables.get(key)
  if (object === undefined) return done
  const read = readResource('VirtualTable', object)
  if (isConfigError(read)) return state(virtualTableType, object, context, invalid(read.message))
  const dataSource = dataSourceKeyOf(object)
  const orphan = caches.dataSources.get(dataSource) === undefined
  const statement = orphan ? invalid(`There is no DataSource ${read.spec.source.name} here.`) : valid
  return state(virtualTableType, object, context, statement)
}

const valid: Statement = {
  type: 'Ready',
  status: 'True',
  reason: 'Valid',
  message: 'SyncJobs can refer to it.',
}

function invalid(message: string): Statement {
  return { type: 'Ready', status: 'False', reason: 'SPEC_INVALID', message }
}

async function state(
  type: ResourceType<CustomObject>,
  object: CustomObject,
  { client, clock }: ValidityContext,
  statement: Statement,
): Promise<Requeue> {
  const { name, namespace, uid, generation = 0 } = object.metadata
  const before: Condition[] = object.status?.conditions ?? []
  const conditions = withCondition(before as KubeCondition[], statement, {
    generation,
    nowMs: clock.nowMs(),
  })
  const status = { observedGeneration: generation, conditions }
  if (canonicalJson(object.status ?? {}) === canonicalJson(status)) return done
  const { apiVersion, kind } = type
  const body = { apiVersion, kind, metadata: { name, namespace, uid }, status }
  await applyStatus(client, type, body, { fieldManager: 'sluice-status' })
  return done
}

/** Keys of the VirtualTables that describe objects of a DataSource. */
export function tablesOfDataSource(key: string, { virtualTables }: Caches): string[] {
  const namespace = key.slice(0, key.indexOf('/'))
  return virtualTables
    .indexed('namespace', namespace)
    .filter(table => dataSourceKeyOf(table) === key)
    .map(({ metadata }) => namespacedName(metadata.namespace, metadata.name))
}
