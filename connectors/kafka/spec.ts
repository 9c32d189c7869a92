// The `kafka` part of a DataSource. The CRD, the reference page and the parser all come from it.
import { z } from 'zod'
import { secretValue } from '#api/secret.ts'

const tls = z.strictObject({
  enabled: z.boolean().default(false).describe('Whether the brokers are reached over TLS.'),
  ca: secretValue.optional().describe('CA certificates to trust, PEM. Default: the CAs Node.js trusts.'),
  cert: secretValue.optional().describe('Client certificate, PEM, for brokers that ask for one.'),
  key: secretValue.optional().describe('Private key of the client certificate, PEM.'),
  insecureSkipVerify: z
    .boolean()
    .default(false)
    .describe('Accept any certificate, whoever answers. Only for trying things out.'),
})

const sasl = z.strictObject({
  mechanism: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
    .default('scram-sha-512')
    .describe('SASL mechanism. `plain` sends the password as it is: use it only with TLS.'),
  user: secretValue.describe('User to connect as. It needs READ and DESCRIBE on the topics.'),
  password: secretValue.describe('Password of the user.'),
})

export const kafkaSpec = z.strictObject({
  brokers: z
    .array(
      z
        .string()
        .max(270)
        .regex(/^([^:[\]\s]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, 'use HOST:PORT'),
    )
    .min(1)
    .max(64)
    .describe('Some brokers of the cluster, `kafka.events.svc:9092`; the others are learned from them.'),
  clientId: z
    .string()
    .min(1)
    .max(249)
    .optional()
    .describe(
      'Name the brokers know the client by, for quotas and logs. Default: `sluice.` and the SyncJob.',
    ),
  tls: tls.prefault({}).describe('Encryption of the connections.'),
  sasl: sasl.optional().describe('Credentials. Left out where the brokers ask for none.'),
  jsonObjects: z
    .enum(['text', 'struct'])
    .default('text')
    .describe(
      'What the objects and arrays of a sampled topic become. text: one column of text each, with their JSON. struct: structs and lists, whose fields are sampled as columns are.',
    ),
  commitOffsets: z
    .boolean()
    .default(true)
    .describe(
      'Whether to write the offsets the target holds into a consumer group named after the SyncJob, for tools that show lag. Reading never depends on them.',
    ),
})

export type KafkaSpec = z.infer<typeof kafkaSpec>
