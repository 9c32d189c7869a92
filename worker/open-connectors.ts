// Opens the two ends of a plan. The main thread and every lane each open their own.
import type { Clock } from '#common/clock.ts'
import type { DataError } from '#common/errors.ts'
import { ConfigError } from '#common/errors.ts'
import type { Logger } from '#common/logger.ts'
import type { Plan, PlanEndpoint } from '#api/plan.ts'
import type { Connector, ConnectorContext, Source, Target } from '#connectors/connector.ts'
import { connectorCode } from '#connectors/load.ts'
import type { ConnectionPermits, ReadPace, ReadTurns } from '#connectors/read-pace.ts'
import type { SecretLocations } from './secrets.ts'
import { readSecret } from './secrets.ts'

export interface EndpointServices {
  plan: Plan
  secrets: SecretLocations
  clock: Clock
  logger: Logger
  onBadRecord: (error: DataError) => void
  /** For those that read rows. */
  pace?: ReadPace | undefined
  turns?: ReadTurns | undefined
  /** Of the source. */
  connections?: ConnectionPermits | undefined
}

export async function openSource(services: EndpointServices): Promise<Source> {
  const { connector, context } = await load(services.plan.source, services)
  if (!connector.openSource) throw cannotBe(services.plan.source, 'source')
  return connector.openSource(context)
}

export async function openTarget(services: EndpointServices): Promise<Target> {
  const { connector, context } = await load(services.plan.target, services)
  if (!connector.openTarget) throw cannotBe(services.plan.target, 'target')
  return connector.openTarget(context)
}

/** Loads a connector's code ahead of its use. */
export async function preload(endpoint: PlanEndpoint): Promise<void> {
  await connectorCode[endpoint.type]?.()
}

async function load(
  endpoint: PlanEndpoint,
  services: EndpointServices,
): Promise<{ connector: Connector<never>; context: ConnectorContext<never> }> {
  const code = connectorCode[endpoint.type]
  if (!code)
    throw new ConfigError(`No connector for DataSource type ${endpoint.type}`, {
      code: 'SPEC_INVALID',
      context: { dataSource: endpoint.name },
    })
  const { plan, secrets, clock, logger, onBadRecord, pace, turns, connections } = services
  const context: ConnectorContext<never> = {
    spec: endpoint.spec as never,
    name: endpoint.name,
    job: `${plan.job.namespace}.${plan.job.name}`,
    secret: value => readSecret(value, secrets),
    virtualTables: plan.virtualTables.filter(table => table.source.name === endpoint.name),
    onBadRecord,
    pace,
    turns,
    connections,
    clock,
    logger: logger.child({ connector: endpoint.type, dataSource: endpoint.name }),
  }
  return { connector: await code(), context }
}

function cannotBe(endpoint: PlanEndpoint, role: string): ConfigError {
  return new ConfigError(`A DataSource of type ${endpoint.type} cannot be a ${role}`, {
    code: 'SPEC_INVALID',
    context: { dataSource: endpoint.name },
  })
}
