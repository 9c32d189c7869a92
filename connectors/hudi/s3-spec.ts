// What people write to reach the bucket of an `s3://` lake (`hudi.s3` of a DataSource).
import { z } from 'zod'
import { withRule } from '#api/rules.ts'
import { secretValue } from '#api/secret.ts'

const tls = z.strictObject({
  ca: secretValue.optional().describe('CA certificates to trust, PEM. Default: the CAs Node.js trusts.'),
  insecureSkipVerify: z
    .boolean()
    .default(false)
    .describe('Whether whoever answers is taken for the store, whatever its certificate. For tests only.'),
})

const s3 = z.strictObject({
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
    .describe(
      "Access key. Default: the pod's own identity, by the AWS credential chain. A Secret that changes is taken up within a minute, and at once when the store refuses the old key.",
    ),
  secretAccessKey: secretValue.optional().describe('Secret of the access key.'),
  sessionToken: secretValue.optional().describe('Session token of temporary credentials.'),
  serverSideEncryption: z
    .enum(['AES256', 'aws:kms'])
    .optional()
    .describe(
      'Encryption to ask for with every object: keys of the store (AES256), or of the key service (aws:kms). Default: what the bucket does by itself.',
    ),
  kmsKeyId: z
    .string()
    .min(1)
    .max(2048)
    .optional()
    .describe('Key (id or ARN) for `serverSideEncryption: aws:kms`. Default: the key of the bucket.'),
  requestChecksumCalculation: z
    .enum(['WHEN_REQUIRED', 'WHEN_SUPPORTED'])
    .default('WHEN_REQUIRED')
    .describe(
      'WHEN_SUPPORTED: objects are sent with a checksum that the store verifies, and checked when they are read. WHEN_REQUIRED: only where the protocol demands one; many compatible stores know no more.',
    ),
  tls: tls.optional().describe('Whom to trust, for an `https://` endpoint with a certificate of your own.'),
})

export const s3Spec = withRule(
  withRule(s3, {
    rule: 'has(self.accessKeyId) == has(self.secretAccessKey)',
    message: 'give `accessKeyId` and `secretAccessKey` together',
    test: given => (given.accessKeyId === undefined) === (given.secretAccessKey === undefined),
  }),
  {
    rule: "!has(self.kmsKeyId) || (has(self.serverSideEncryption) && self.serverSideEncryption == 'aws:kms')",
    message: '`kmsKeyId` goes with `serverSideEncryption: aws:kms`',
    test: given => given.kmsKeyId === undefined || given.serverSideEncryption === 'aws:kms',
  },
)

export type S3Spec = z.infer<typeof s3Spec>
