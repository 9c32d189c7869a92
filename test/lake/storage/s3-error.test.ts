import { expect } from 'chai'
import { s3Error } from '#lake/storage/s3-error.ts'
import type { SyncError } from '#common/errors.ts'

function answer(name: string, httpStatusCode?: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode } })
}

describe('s3Error', () => {
  for (const { name, status, expected } of [
    { name: 'AccessDenied', status: 403, expected: 'ConfigError STORAGE_DENIED' },
    { name: 'ExpiredToken', status: 400, expected: 'ConfigError STORAGE_DENIED' },
    { name: 'CredentialsProviderError', expected: 'ConfigError STORAGE_DENIED' },
    { name: 'Forbidden', status: 403, expected: 'ConfigError STORAGE_DENIED' },
    { name: 'NoSuchBucket', status: 404, expected: 'ConfigError STORAGE_NOT_FOUND' },
    { name: 'PermanentRedirect', status: 301, expected: 'ConfigError STORAGE_REGION_WRONG' },
    { name: 'AuthorizationHeaderMalformed', status: 400, expected: 'ConfigError STORAGE_REGION_WRONG' },
    { name: 'InvalidAccessKeyId', status: 403, expected: 'ConfigError STORAGE_DENIED' },
    { name: 'RequestTimeTooSkewed', status: 403, expected: 'ConfigError STORAGE_DENIED' },
    { name: 'NoSuchUpload', status: 404, expected: 'TransientError STORAGE_UNAVAILABLE' },
    { name: 'SlowDown', status: 503, expected: 'TransientError STORAGE_UNAVAILABLE' },
    { name: 'TooManyRequests', status: 429, expected: 'TransientError STORAGE_UNAVAILABLE' },
    { name: 'InternalError', status: 500, expected: 'TransientError STORAGE_UNAVAILABLE' },
    { name: 'RequestTimeout', status: 400, expected: 'TransientError STORAGE_UNAVAILABLE' },
    { name: 'TimeoutError', expected: 'TransientError STORAGE_UNAVAILABLE' },
    { name: 'ConditionalRequestConflict', status: 409, expected: 'TransientError STORAGE_UNAVAILABLE' },
    { name: 'XMinioStorageFull', status: 507, expected: 'TransientError STORAGE_FULL' },
    { name: 'NotImplemented', status: 501, expected: 'ConfigError STORAGE_NO_CONDITIONAL_PUT' },
    { name: 'InvalidRequest', status: 400, expected: 'ConfigError STORAGE_DENIED' },
  ])
    it(`takes ${name} ${status ?? ''} for ${expected}`, () => {
      const error = s3Error(answer(name, status), 's3://lake/x') as SyncError
      expect(`${error.name} ${error.code}`).to.equal(expected)
    })

  it('says that the credentials have expired, and where to renew them', () => {
    const error = s3Error(answer('ExpiredToken', 400), 's3://lake/x')
    expect(error.message).to.match(/have expired; renew them in the Secret.*s3:\/\/lake\/x/)
  })

  it('names the region that the bucket lies in', () => {
    const headers = { 'x-amz-bucket-region': 'eu-west-1' }
    const moved = Object.assign(answer('PermanentRedirect', 301), { $response: { headers } })
    expect(s3Error(moved, 's3://lake/x').message).to.include('s3://lake/x lies in eu-west-1')
    const malformed = answer('AuthorizationHeaderMalformed', 400)
    malformed.message = "the region 'us-east-1' is wrong; expecting 'eu-central-1'"
    expect(s3Error(malformed, 's3://lake/x').message).to.include('lies in eu-central-1')
  })

  it('does not take a missing key service for missing conditional writes', () => {
    const error = answer('NotImplemented', 501)
    error.message = 'Server side encryption specified but KMS is not configured'
    expect(s3Error(error, 's3://lake/x')).to.include({ name: 'ConfigError', code: 'STORAGE_DENIED' })
  })

  it('takes a certificate nobody trusts for STORAGE_TLS_FAILED', () => {
    const error = Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(s3Error(error, 's3://lake/x')).to.include({ name: 'ConfigError', code: 'STORAGE_TLS_FAILED' })
  })

  it('takes a refused connection for STORAGE_UNAVAILABLE', () => {
    const error = s3Error(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 's3://lake/x')
    expect(error).to.have.property('code', 'STORAGE_UNAVAILABLE')
  })
})
