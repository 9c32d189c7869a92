// The `postgres` part of a DataSource. The CRD, the reference page and the parser all come from it.
import { z } from 'zod'
import { secretValue } from '#api/secret.ts'

const tls = z.strictObject({
  mode: z
    .enum(['disable', 'require', 'verify-ca', 'verify-full'])
    .default('verify-full')
    .describe(
      'disable: plain text. require: encrypted, whoever answers. verify-ca: the certificate must be signed by a trusted CA. verify-full: and be made for this host.',
    ),
  ca: secretValue.optional().describe('CA certificates to trust, PEM. Default: the CAs Node.js trusts.'),
  cert: secretValue.optional().describe('Client certificate, PEM, for servers that ask for one.'),
  key: secretValue.optional().describe('Private key of the client certificate, PEM.'),
})

const snapshot = z.strictObject({
  rangeBytes: z
    .int()
    .min(1024 * 1024)
    .default(128 * 1024 * 1024)
    .describe('Size of the ranges a table is cut into; each is read by one connection, several at once.'),
})

const objectName = z
  .string()
  .regex(/^[a-z0-9_]{1,63}$/, 'use 1 to 63 lower-case letters, digits and underscores')

export const postgresSpec = z.strictObject({
  host: z.string().min(1).describe('Host name or address of the primary server.'),
  port: z.int().min(1).max(65535).default(5432).describe('Port of the server.'),
  database: z.string().min(1).describe('Database to read.'),
  user: secretValue.describe('User to connect as. It needs LOGIN, REPLICATION and SELECT on the tables.'),
  password: secretValue.optional().describe('Password; left out where the server asks for none.'),
  tls: tls.prefault({}).describe('Encryption of the connection.'),
  slotName: objectName
    .optional()
    .describe('Replication slot of the job. Default: made from the name of the SyncJob.'),
  publicationName: objectName
    .optional()
    .describe(
      'Publication of the job. Default: made from the name of the SyncJob. One that exists and has all tables is used as it is.',
    ),
  snapshot: snapshot.prefault({}).describe('How tables are read the first time.'),
})

export type PostgresSpec = z.infer<typeof postgresSpec>
