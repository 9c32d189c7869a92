// How the lake's storage is to be reached, from what people wrote, secrets read.
import type { ConnectorContext } from '#connectors/connector.ts'
import type { S3Credentials, S3Options } from '#lake/storage/s3-options.ts'
import type { S3Spec } from './s3-spec.ts'
import type { HudiSpec } from './spec.ts'

/** Null for a lake that is not on S3. @throws ConfigError SECRET_MISSING */
export async function s3Access({
  spec,
  secret,
  logger,
}: Pick<ConnectorContext<HudiSpec>, 'spec' | 'secret' | 'logger'>): Promise<S3Options | null> {
  if (!spec.url.startsWith('s3://')) return null
  const given: Partial<S3Spec> = spec.s3 ?? {}
  const { endpoint, region, pathStyle, tls, serverSideEncryption, requestChecksumCalculation } = given
  const ca = tls?.ca && (await secret(tls.ca))
  if (tls?.insecureSkipVerify === true)
    logger.warn('hudi.s3.tls.insecureSkipVerify: whoever answers is taken for the store', { endpoint })
  const credentials = credentialsOf(given, secret)
  // A missing Secret is to be told at once, not by the first request.
  await credentials?.()
  return {
    pathStyle: pathStyle ?? endpoint !== undefined,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(credentials !== null && { credentials }),
    ...(serverSideEncryption !== undefined && { encryption: encryptionOf(given, serverSideEncryption) }),
    ...(requestChecksumCalculation !== undefined && { requestChecksumCalculation }),
    ...(ca !== undefined && { ca }),
    ...(tls?.insecureSkipVerify === true && { insecureSkipVerify: true }),
  }
}

function encryptionOf(
  { kmsKeyId }: Partial<S3Spec>,
  algorithm: 'AES256' | 'aws:kms',
): NonNullable<S3Options['encryption']> {
  return { algorithm, ...(kmsKeyId !== undefined && { keyId: kmsKeyId }) }
}

/** Reads the keys each time: a mounted Secret changes while the worker runs. */
function credentialsOf(
  { accessKeyId, secretAccessKey, sessionToken }: Partial<S3Spec>,
  secret: ConnectorContext<HudiSpec>['secret'],
): (() => Promise<S3Credentials>) | null {
  if (accessKeyId === undefined || secretAccessKey === undefined) return null
  return async () => ({
    accessKeyId: await secret(accessKeyId),
    secretAccessKey: await secret(secretAccessKey),
    ...(sessionToken === undefined ? {} : { sessionToken: await secret(sessionToken) }),
  })
}
