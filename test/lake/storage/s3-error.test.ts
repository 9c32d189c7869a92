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
    { name: 'PermanentRedirect', status: 301, expected: 'ConfigError STORAGE_NOT_FOUND' },
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

  it('takes a refused connection for STORAGE_UNAVAILABLE', () => {
    const error = s3Error(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 's3://lake/x')
    expect(error).to.have.property('code', 'STORAGE_UNAVAILABLE')
  })
})
