// The DataSource of a PostgreSQL, as YAML.
import type { PostgresServer } from '#scripts/embedded-postgres.ts'

type Access = Pick<PostgresServer, 'host' | 'port' | 'database' | 'user' | 'password'>

/** `password`: as YAML, where it is not to stand there itself. `spec`: further lines of the DataSource's. */
export function postgresSource(
  name: string,
  { host, port, database, user, password }: Access,
  { passwordFrom = `{value: "${password}"}`, spec = '' } = {},
): string {
  return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: ${name}}
spec:
  type: postgres
  postgres:
    host: ${host}
    port: ${port}
    database: ${database}
    user: {value: ${user}}
    password: ${passwordFrom}
    tls: {mode: disable}
${spec}`
}
