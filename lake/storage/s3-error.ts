// What a failed S3 request means to the caller.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
import type { S3ServiceException } from '@aws-sdk/client-s3'
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
  return nameOf(error) === 'NoSuchKey' || (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket')
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

type Failure = 'missing' | 'full' | 'unconditional' | 'denied' | 'refused' | 'unavailable'

const failureOfName: Readonly<Record<string, Failure>> = {
  NoSuchBucket: 'missing',
  PermanentRedirect: 'missing',
  InvalidBucketName: 'missing',
  XMinioStorageFull: 'full',
  XMinioAdminBucketQuotaExceeded: 'full',
  QuotaExceeded: 'full',
  NotImplemented: 'unconditional',
  AccessDenied: 'denied',
  CredentialsProviderError: 'denied',
  ExpiredToken: 'denied',
  ExpiredTokenException: 'denied',
  InvalidAccessKeyId: 'denied',
  InvalidToken: 'denied',
  RequestTimeTooSkewed: 'denied',
  SignatureDoesNotMatch: 'denied',
  TokenProviderError: 'denied',
  RequestTimeout: 'unavailable',
  SlowDown: 'unavailable',
}

const failureOfStatus: Readonly<Record<number, Failure>> = {
  401: 'denied',
  403: 'denied',
  408: 'unavailable',
  409: 'unavailable',
  429: 'unavailable',
  501: 'unconditional',
  507: 'full',
}

function failureOf(name: string, status: number | undefined): Failure {
  const known = failureOfName[name] ?? (status === undefined ? undefined : failureOfStatus[status])
  if (known !== undefined) return known
  return status !== undefined && status >= 400 && status < 500 ? 'refused' : 'unavailable'
}

/** The error to throw for a failed request about the URL. */
export function s3Error(error: unknown, url: string): Error {
  if (error instanceof SyncError) return error
  const name = nameOf(error)
  const status = statusOf(error)
  const details = { cause: error, context: { url, status, reason: name } }
  switch (failureOf(name, status)) {
    case 'missing':
      return new ConfigError(`There is no such bucket: ${url}`, { code: 'STORAGE_NOT_FOUND', ...details })
    case 'full':
      return new TransientError(`No space left to write ${url}`, { code: 'STORAGE_FULL', ...details })
    case 'unconditional':
      return new ConfigError(`The store does not know If-None-Match: ${url}`, {
        code: 'STORAGE_NO_CONDITIONAL_PUT',
        ...details,
      })
    case 'denied':
      return new ConfigError(`The store refused access to ${url}`, { code: 'STORAGE_DENIED', ...details })
    case 'refused':
      return new ConfigError(`The store refused the request for ${url}`, {
        code: 'STORAGE_DENIED',
        ...details,
      })
    case 'unavailable':
      return new TransientError(`The store does not answer for ${url}`, {
        code: 'STORAGE_UNAVAILABLE',
        ...details,
      })
  }
}
