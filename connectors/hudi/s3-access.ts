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
  const { endpoint, region, pathStyle, requestChecksumCalculation } = given
  const credentials = credentialsOf(given, secret)
  // A missing Secret is to be told at once, not by the first request.
  await credentials?.()
  return {
    pathStyle: pathStyle ?? endpoint !== undefined,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(credentials !== null && { credentials }),
    ...(requestChecksumCalculation !== undefined && { requestChecksumCalculation }),
    ...encryptionOf(given),
    ...(await trustOf(given, { secret, logger })),
  }
}

function encryptionOf({ serverSideEncryption, kmsKeyId }: Partial<S3Spec>): Pick<S3Options, 'encryption'> {
  if (serverSideEncryption === undefined) return {}
  return {
    encryption: { algorithm: serverSideEncryption, ...(kmsKeyId !== undefined && { keyId: kmsKeyId }) },
  }
}

async function trustOf(
  { endpoint, tls }: Partial<S3Spec>,
  { secret, logger }: Pick<ConnectorContext<HudiSpec>, 'secret' | 'logger'>,
): Promise<Pick<S3Options, 'ca' | 'insecureSkipVerify'>> {
  const ca = tls?.ca && (await secret(tls.ca))
  if (tls?.insecureSkipVerify !== true) return ca === undefined ? {} : { ca }
  logger.warn('hudi.s3.tls.insecureSkipVerify: whoever answers is taken for the store', { endpoint })
  return { insecureSkipVerify: true, ...(ca !== undefined && { ca }) }
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
