// The code of every connector, loaded only when a job needs it.
import type { Connector } from './connector.ts'

export const connectorCode: Readonly<Record<string, () => Promise<Connector<never>>>> = {
  hudi: async () => (await import('./hudi/connector.ts')).hudi as Connector<never>,
  kafka: async () => (await import('./kafka/connector.ts')).kafka as Connector<never>,
  postgres: async () => (await import('./postgres/connector.ts')).postgres as Connector<never>,
}
