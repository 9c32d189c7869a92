// PostgreSQL 13 and later, by snapshot and logical replication.
import type { Connector } from '../connector.ts'
import { PostgresSource } from './source.ts'
import type { PostgresSpec } from './spec.ts'

export const postgres: Connector<PostgresSpec> = {
  type: 'postgres',
  openSource: context => PostgresSource.open(context),
}
