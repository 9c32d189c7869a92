// What a SyncJob refers to must exist and be of use: checked here for everybody, since neither a schema nor the
// API server can look at two resources at once.
import { closest } from '#api/closest.ts'
import type { DataSource } from '#api/data-source.ts'
import type { Problem } from '#api/problem.ts'
import type { SyncJob } from '#api/sync-job.ts'
import type { VirtualTable } from '#api/virtual-table.ts'
import { connectors, type ConnectorRole } from '#connectors/registry.ts'

/** The resources a job may refer to; those of other namespaces are not seen. */
export interface Surroundings {
  dataSources: readonly DataSource[]
  virtualTables: readonly VirtualTable[]
}

/** Everything that is wrong between a job and the resources it refers to. */
export function checkReferences(job: SyncJob, around: Surroundings): Problem[] {
  const { source, target } = job.spec
  const problems = [...checkEndpoint(job, 'source', around), ...checkEndpoint(job, 'target', around)]
  if (source.name === target.name)
    problems.push({ path: ['spec', 'target', 'name'], message: 'source and target are the same DataSource' })
  const targetType = findDataSource(job, target.name, around)?.spec.type
  if (targetType !== undefined) problems.push(...checkTableOptions(job, targetType))
  return problems
}

/** A VirtualTable amends an object of a DataSource, which must exist; and an object has one VirtualTable. */
export function checkVirtualTable(table: VirtualTable, around: Surroundings): Problem[] {
  const { name, object } = table.spec.source
  const problems: Problem[] = []
  if (findDataSource(table, name, around) === undefined)
    problems.push(missing(['spec', 'source', 'name'], name, table.metadata.namespace, around))
  const twins = around.virtualTables.filter(
    other =>
      other.metadata.namespace === table.metadata.namespace &&
      other.metadata.name !== table.metadata.name &&
      other.spec.source.name === name &&
      other.spec.source.object === object,
  )
  if (twins.length > 0)
    problems.push({
      path: ['spec', 'source', 'object'],
      message: `VirtualTable ${twins[0]!.metadata.name} describes ${object} too; an object has one VirtualTable`,
    })
  return problems
}

export function findDataSource(
  from: { metadata: { namespace: string } },
  name: string,
  { dataSources }: Surroundings,
): DataSource | undefined {
  return dataSources.find(
    ({ metadata }) => metadata.name === name && metadata.namespace === from.metadata.namespace,
  )
}

function checkEndpoint(job: SyncJob, role: ConnectorRole, around: Surroundings): Problem[] {
  const { name } = job.spec[role]
  const path = ['spec', role, 'name']
  const found = findDataSource(job, name, around)
  if (found === undefined) return [missing(path, name, job.metadata.namespace, around)]
  const { type } = found.spec
  if (connectors[type]?.roles.includes(role) === true) return []
  const able = Object.entries(connectors).flatMap(([each, { roles }]) => (roles.includes(role) ? [each] : []))
  return [
    {
      path,
      message: `DataSource ${name} is of type ${type}, which cannot be a ${role}; types that can: ${able.join(', ')}`,
    },
  ]
}

function missing(path: string[], name: string, namespace: string, { dataSources }: Surroundings): Problem {
  const names = dataSources.flatMap(({ metadata }) =>
    metadata.namespace === namespace ? [metadata.name] : [],
  )
  const meant = closest(name, names)
  const there = names.length === 0 ? 'there are none' : `there are: ${names.join(', ')}`
  return {
    path,
    message: `there is no DataSource "${name}" in namespace ${namespace}; ${meant === undefined ? there : `did you mean ${meant}?`}`,
  }
}

/** Options of another connector's tables would be ignored without a word. */
function checkTableOptions(job: SyncJob, targetType: string): Problem[] {
  return job.spec.tables.flatMap((table, index) =>
    Object.keys(table.target ?? {})
      .filter(key => key !== 'table' && key !== targetType)
      .map(key => ({
        path: ['spec', 'tables', index, 'target', key],
        message: `the target is of type ${targetType}: options of ${key} do not apply`,
      })),
  )
}
