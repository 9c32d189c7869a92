// Turns a SyncJob and the resources it refers to into the Plan that workers carry out: references resolved,
// durations and sizes as numbers, secrets still as references. Pure, and the same under the operator and under
// `sluice run`, so a job that runs on a laptop is the job that runs in the cluster.
import type { DataSource } from '#api/data-source.ts'
import { parseDuration } from '#api/duration.ts'
import type { Plan, PlanEndpoint, TableRule } from '#api/plan.ts'
import { invalidResource } from '#api/problem.ts'
import { parseQuantity } from '#api/quantity.ts'
import type { PlannedLimits, SourceLimits } from '#api/source-limits.ts'
import type { SyncJob, SyncJobTable } from '#api/sync-job.ts'
import { ConfigError } from '#common/errors.ts'
import { connectors } from '#connectors/registry.ts'
import type { ConnectorEntry } from '#connectors/registry.ts'
import { completePlan } from './complete-plan.ts'
import { checkReferences, checkVirtualTable, findDataSource, type Surroundings } from './references.ts'

/**
 * The plan of a job. The resources around it must be valid already (parsed with their kinds' schemas).
 * @throws ConfigError SPEC_INVALID that names every field to edit, PROBE_UNSUPPORTED
 */
export function compile(job: SyncJob, around: Surroundings): Plan {
  const { spec } = job
  const { namespace, name } = job.metadata
  const problems = checkReferences(job, around)
  if (problems.length > 0) throw invalidResource(`SyncJob ${name}`, problems)
  const source = findDataSource(job, spec.source.name, around)!
  const target = findDataSource(job, spec.target.name, around)!
  requireProbe(job, source)
  return completePlan({
    version: 1,
    job: { namespace, name },
    source: { ...endpoint(source), ...limitsOf(source) },
    target: endpoint(target),
    discovery: source.spec.discovery,
    virtualTables: virtualTablesOf(source, around),
    tables: spec.tables.map(table => tableRule(table, target.spec.type)),
    mode: spec.mode,
    start: spec.start,
    freshnessMs: parseDuration(spec.freshness),
    schemaEvolution: spec.schemaEvolution,
    badRecords: spec.badRecords,
    priority: spec.priority,
    ...(spec.resync ? { resync: { id: spec.resync.id, tables: spec.resync.tables ?? ['*'] } } : {}),
    worker: {
      lanes: spec.worker.lanes,
      bufferBytesMax: Math.ceil(parseQuantity(spec.worker.bufferSize)),
    },
  })
}

/** @throws ConfigError PROBE_UNSUPPORTED where nobody could tell when a job without workers needs one */
export function requireProbe(
  { metadata: { name }, spec: { autoscaling } }: SyncJob,
  source: DataSource,
  entries: Readonly<Record<string, Pick<ConnectorEntry, 'tellsUnread'>>> = connectors,
): void {
  const { type } = source.spec
  if (autoscaling.minReplicas > 0 || entries[type]?.tellsUnread === true) return
  throw new ConfigError(
    `SyncJob ${name}: spec.autoscaling.minReplicas: a source of type ${type} cannot tell whether there is something to read, so the job always needs a worker; allowed: from 1 on`,
    { code: 'PROBE_UNSUPPORTED', context: { dataSource: source.metadata.name } },
  )
}

function endpoint(dataSource: DataSource): PlanEndpoint {
  const { type } = dataSource.spec
  return {
    name: dataSource.metadata.name,
    type,
    spec: dataSource.spec[type] as Record<string, unknown>,
  }
}

function limitsOf({ spec: { protection } }: DataSource): Pick<Plan['source'], 'limits'> {
  if (protection?.limits === undefined) return {}
  const { windows, ...base } = protection.limits
  return {
    limits: {
      ...numbersOf(base),
      connections: base.connections ?? null,
      windows: windows.map(({ from, to, timeZone, days, ...limits }) => {
        return { from, to, timeZone, days, ...numbersOf(limits) }
      }),
    },
  }
}

type PlannedNumbers = Pick<PlannedLimits, 'recordsPerSecond' | 'bytesPerSecond' | 'queriesInFlight'>

function numbersOf({
  recordsPerSecond,
  bytesPerSecond,
  queriesInFlight,
}: Pick<SourceLimits, keyof PlannedNumbers>): PlannedNumbers {
  return {
    recordsPerSecond: recordsPerSecond ?? null,
    bytesPerSecond: bytesPerSecond === undefined ? null : parseQuantity(bytesPerSecond),
    queriesInFlight: queriesInFlight ?? null,
  }
}

function virtualTablesOf(source: DataSource, around: Surroundings): Plan['virtualTables'] {
  const { namespace, name } = source.metadata
  const tables = around.virtualTables.filter(
    table => table.metadata.namespace === namespace && table.spec.source.name === name,
  )
  for (const table of tables) {
    const problems = checkVirtualTable(table, around)
    if (problems.length > 0) throw invalidResource(`VirtualTable ${table.metadata.name}`, problems)
  }
  return tables.map(table => table.spec)
}

function tableRule(table: SyncJobTable, targetType: string): TableRule {
  return {
    include: table.include,
    exclude: table.exclude,
    targetTable: table.target?.table ?? null,
    key: table.key ?? null,
    options: (table.target?.[targetType] ?? {}) as Record<string, unknown>,
  }
}
