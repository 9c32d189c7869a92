// What a failed S3 request means to the caller.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
import type { S3ServiceException } from '@aws-sdk/client-s3'
import type { ErrorCode } from '#common/error-codes.ts'
import { ConfigError, SyncError, TransientError } from '#common/errors.ts'

function isService(error: unknown): error is S3ServiceException {
  return error instanceof Error && '$metadata' in error
}

function statusOf(error: unknown): number | undefined {
  return isService(error) ? error.$metadata.httpStatusCode : undefined
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

/** The object is missing (the bucket is there). */
export function isNoObject(error: unknown): boolean {
  const name = nameOf(error)
  return (
    name === 'NoSuchKey' || (statusOf(error) === 404 && name !== 'NoSuchBucket' && name !== 'NoSuchUpload')
  )
}

/** The range begins at or behind the end of the object. */
export function isBadRange(error: unknown): boolean {
  return nameOf(error) === 'InvalidRange' || statusOf(error) === 416
}

/** The object exists, so it was not created. */
export function isPreconditionFailed(error: unknown): error is S3ServiceException {
  return nameOf(error) === 'PreconditionFailed' || statusOf(error) === 412
}

/** Conditional writes of one key met; try again. */
export function isWriteConflict(error: unknown): boolean {
  return nameOf(error) === 'ConditionalRequestConflict' || statusOf(error) === 409
}

/** The upload in parts is not there: it was completed, or aborted, before. */
export function isNoUpload(error: unknown): boolean {
  return nameOf(error) === 'NoSuchUpload'
}

/** The keys themselves may have been refused: others may do. An answer to HEAD does not say what is wrong. */
export function mayBeRefusedKey(error: unknown): boolean {
  const status = statusOf(error)
  return keyFailures.has(nameOf(error)) || status === 401 || status === 403 || isWordless400(error)
}

function isWordless400(error: unknown): boolean {
  return statusOf(error) === 400 && !/^[A-Z][a-z]+[A-Z]/.test(nameOf(error))
}

const keyFailures: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
])

interface Meaning {
  class: typeof ConfigError | typeof TransientError
  code: ErrorCode
  /** What to say, before the URL. */
  text: string
}

const denied = (text: string): Meaning => ({ class: ConfigError, code: 'STORAGE_DENIED', text })

const unavailable: Meaning = {
  class: TransientError,
  code: 'STORAGE_UNAVAILABLE',
  text: 'The store does not answer for',
}
const busy: Meaning = { ...unavailable, text: 'The store asks to be called less often, for' }
const missing: Meaning = { class: ConfigError, code: 'STORAGE_NOT_FOUND', text: 'There is no such bucket:' }
const full: Meaning = { class: TransientError, code: 'STORAGE_FULL', text: 'No space left to write' }
const forbidden = denied('The store refused access to')
const refused = denied('The store refused the request for')
const expired = denied('The credentials have expired; renew them in the Secret, for')
const badToken = denied('The session token is not valid; renew the credentials in the Secret, for')
const wrongRegion: Meaning = {
  class: ConfigError,
  code: 'STORAGE_REGION_WRONG',
  text: 'The bucket is in another region:',
}
const unconditional: Meaning = {
  class: ConfigError,
  code: 'STORAGE_NO_CONDITIONAL_PUT',
  text: 'The store does not know If-None-Match:',
}
const untrusted: Meaning = {
  class: ConfigError,
  code: 'STORAGE_TLS_FAILED',
  text: 'No trusted connection can be made to the store of',
}

const meaningOfName: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: missing,
  InvalidBucketName: missing,
  PermanentRedirect: wrongRegion,
  TemporaryRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  QuotaExceeded: full,
  NotImplemented: unconditional,
  AccessDenied: forbidden,
  CredentialsProviderError: denied('There are no credentials for'),
  TokenProviderError: denied('There are no credentials for'),
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  InvalidToken: badToken,
  InvalidAccessKeyId: denied('The store does not know the access key; correct it in the Secret, for'),
  SignatureDoesNotMatch: denied(
    'The secret access key does not belong to the access key; correct it in the Secret, for',
  ),
  RequestTimeTooSkewed: denied(
    'The clocks of this machine and of the store differ too much; set them right, for',
  ),
  RequestTimeout: unavailable,
  NoSuchUpload: unavailable,
  SlowDown: busy,
}

const meaningOfStatus: Readonly<Record<number, Meaning>> = {
  301: wrongRegion,
  307: wrongRegion,
  401: forbidden,
  403: forbidden,
  408: unavailable,
  409: unavailable,
  429: busy,
  501: unconditional,
  507: full,
}

const tlsFailures: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

function meaningOf(error: unknown): Meaning {
  const status = statusOf(error)
  if (tlsFailures.has((error as { code?: string } | null)?.code ?? '')) return untrusted
  // A server without a key service says so with the same code as one without conditional writes.
  if (nameOf(error) === 'NotImplemented' && /KMS|encryption/i.test((error as Error).message)) return refused
  const known = meaningOfName[nameOf(error)] ?? (status === undefined ? undefined : meaningOfStatus[status])
  if (known !== undefined) return known
  return status !== undefined && status >= 400 && status < 500 ? refused : unavailable
}

/** The error to throw for a failed request about the URL. */
export function s3Error(error: unknown, url: string): Error {
  if (error instanceof SyncError) return error
  const { class: SyncErrorClass, code, text } = meaningOf(error)
  const region = code === 'STORAGE_REGION_WRONG' ? regionOf(error) : undefined
  const place = region === undefined ? url : `${url} lies in ${region}`
  return new SyncErrorClass(`${text} ${place}`, {
    code,
    cause: error,
    context: { url, status: statusOf(error), reason: nameOf(error), ...(region !== undefined && { region }) },
  })
}

/** The region of the bucket, where the answer tells it: in a header, or in the text of the error. */
function regionOf(error: unknown): string | undefined {
  if (!isService(error)) return undefined
  const { Region: told } = error as { Region?: unknown }
  const header: unknown = error.$response?.headers['x-amz-bucket-region']
  const found = header ?? told ?? /expecting '([^']+)'/.exec(error.message)?.[1]
  return typeof found === 'string' && found !== '' ? found : undefined
}
