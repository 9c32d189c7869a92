// What people write for a Hudi lake: where its tables lie (a DataSource of type `hudi`), and what a table made
// there is like (`tables[].target.hudi` of a SyncJob).
import { z } from 'zod'
import { withRule } from '#api/rules.ts'
import { secretValue } from '#api/secret.ts'

const s3 = withRule(
  z.strictObject({
    endpoint: z
      .string()
      .max(1024)
      .regex(/^https?:\/\/[^/\s]+/, 'use a URL such as http://minio.lake.svc:9000')
      .optional()
      .describe('URL of an S3-compatible store, `http://minio.lake.svc:9000`. Default: AWS.'),
    region: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('Region of the bucket. Default: `us-east-1` with an endpoint, else that of the environment.'),
    pathStyle: z
      .boolean()
      .optional()
      .describe(
        'Whether the bucket is part of the path instead of the host name. Default: true with an endpoint, else false.',
      ),
    accessKeyId: secretValue
      .optional()
      .describe("Access key. Default: the pod's own identity, by the AWS credential chain."),
    secretAccessKey: secretValue.optional().describe('Secret of the access key.'),
    sessionToken: secretValue.optional().describe('Session token of temporary credentials.'),
  }),
  {
    rule: 'has(self.accessKeyId) == has(self.secretAccessKey)',
    message: 'give `accessKeyId` and `secretAccessKey` together',
    test: given => (given.accessKeyId === undefined) === (given.secretAccessKey === undefined),
  },
)

export const hudiSpec = z.strictObject({
  url: z
    .string()
    .max(1024)
    .regex(
      /^(file:\/\/\/|s3:\/\/[a-z0-9][a-z0-9.-]+)/,
      'use s3://BUCKET/PREFIX, or file:///FOLDER in local mode',
    )
    .describe('Folder of the lake; each table is a folder below it: `s3://lake/ods`, `file:///var/lake`.'),
  s3: s3.optional().describe('How to reach the bucket, for `s3://` lakes.'),
  tableVersion: z
    .literal([8, 9])
    .default(8)
    .describe(
      'Hudi table version of new tables. 8: readers from Hudi 1.0 and hudi-rs 0.5 on. 9: from Hudi 1.1 on.',
    ),
})

export const hudiTableOptions = z.strictObject({
  tableType: z
    .enum(['MERGE_ON_READ', 'COPY_ON_WRITE'])
    .default('MERGE_ON_READ')
    .describe(
      'How a table with a key is written; fixed once it is made. MERGE_ON_READ: changes go to log files, compaction merges them. COPY_ON_WRITE: each commit writes the base files anew that it changes; fastest to read, for tables that change little or may lag.',
    ),
  buckets: z
    .int32()
    .min(1)
    .max(4096)
    .optional()
    .describe(
      'File groups of a table with a key; fixed once it is made. Default: one for each 256 MiB of the source table, 4 when its size is unknown.',
    ),
  retentionHours: z
    .int32()
    .min(1)
    .max(87_600)
    .default(24)
    .describe(
      'How long earlier states of the table can be read (time travel, incremental queries, queries that run that long). Files that only older states need are removed.',
    ),
})

export type HudiSpec = z.infer<typeof hudiSpec>
export type HudiTableOptions = z.infer<typeof hudiTableOptions>
