// The connector `kafka`: resolves the spec's secrets and opens the client.
import type { ConnectionOptions } from 'node:tls'
import type { Connector, ConnectorContext, Source } from '#connectors/connector.ts'
import { openKafkajsClient } from './kafkajs-client.ts'
import type { Login } from './kafkajs-client.ts'
import { KafkaSource } from './source.ts'
import type { KafkaSpec } from './spec.ts'

export const kafka: Connector<KafkaSpec> = {
  type: 'kafka',
  openSource,
}

async function openSource(context: ConnectorContext<KafkaSpec>): Promise<Source> {
  const { spec, job, logger } = context
  const login = async (): Promise<Login> => ({
    tls: await tlsOptions(context),
    sasl: await saslOptions(context),
  })
  // A missing Secret is to be told at once, not by the first connection.
  await login()
  const client = openKafkajsClient({
    brokers: spec.brokers,
    clientId: spec.clientId ?? `sluice.${job}`,
    login,
    logger,
  })
  return new KafkaSource(context, client)
}

async function tlsOptions({ spec, secret }: ConnectorContext<KafkaSpec>): Promise<ConnectionOptions | null> {
  const { enabled, ca, cert, key, insecureSkipVerify } = spec.tls
  if (!enabled) return null
  return {
    rejectUnauthorized: !insecureSkipVerify,
    ...(ca ? { ca: await secret(ca) } : {}),
    ...(cert ? { cert: await secret(cert) } : {}),
    ...(key ? { key: await secret(key) } : {}),
  }
}

async function saslOptions({ spec, secret }: ConnectorContext<KafkaSpec>): Promise<Login['sasl']> {
  if (spec.sasl === undefined) return null
  const { mechanism, user, password } = spec.sasl
  return { mechanism, username: await secret(user), password: await secret(password) }
}
