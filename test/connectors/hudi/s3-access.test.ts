import { expect } from 'chai'
import { ConfigError } from '#common/errors.ts'
import { s3Access } from '#connectors/hudi/s3-access.ts'
import { hudiSpec } from '#connectors/hudi/spec.ts'
import { hudiContext } from './hudi-context.ts'

const reference = (key: string) => ({ secretKeyRef: { name: 'lake', key } })
const keys = { accessKeyId: reference('id'), secretAccessKey: reference('secret') }

function contextOf(s3: object, secrets: Record<string, string> = {}) {
  const secret = (value: { value?: string | undefined; secretKeyRef?: { key: string } | undefined }) => {
    const found = value.value ?? secrets[value.secretKeyRef!.key]
    return found === undefined
      ? Promise.reject(new ConfigError('no such key', { code: 'SECRET_MISSING' }))
      : Promise.resolve(found)
  }
  return { ...hudiContext(hudiSpec.parse({ url: 's3://lake/ods', s3 })), secret }
}

describe('s3Access', () => {
  it('addresses by path where there is an endpoint', async () => {
    expect((await s3Access(contextOf({ endpoint: 'http://minio:9000' })))!.pathStyle).to.equal(true)
    expect((await s3Access(contextOf({ region: 'eu-west-1' })))!.pathStyle).to.equal(false)
    expect((await s3Access(contextOf({ endpoint: 'https://x', pathStyle: false })))!.pathStyle).to.equal(
      false,
    )
  })

  it('is nothing for a lake on a disk', async () => {
    const context = hudiContext(hudiSpec.parse({ url: 'file:///var/lake' }))
    expect(await s3Access(context)).to.equal(null)
  })

  it('reads the keys anew whenever it is asked for them', async () => {
    const secrets = { id: 'first', secret: 's' }
    const { credentials } = (await s3Access(contextOf(keys, secrets)))!
    expect(credentials).to.be.a('function')
    secrets.id = 'second'
    if (typeof credentials === 'function')
      expect(await credentials()).to.deep.equal({ accessKeyId: 'second', secretAccessKey: 's' })
  })

  it('misses a Secret at once, not at the first request', async () => {
    const error: unknown = await s3Access(contextOf(keys, { id: 'first' })).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'SECRET_MISSING' })
  })

  it('hands over encryption, checksums and whom to trust', async () => {
    const given = {
      serverSideEncryption: 'aws:kms',
      kmsKeyId: 'lake-key',
      requestChecksumCalculation: 'WHEN_SUPPORTED',
      tls: { ca: { value: 'PEM' }, insecureSkipVerify: true },
    }
    expect(await s3Access(contextOf(given))).to.deep.include({
      encryption: { algorithm: 'aws:kms', keyId: 'lake-key' },
      requestChecksumCalculation: 'WHEN_SUPPORTED',
      ca: 'PEM',
      insecureSkipVerify: true,
    })
  })

  for (const s3 of [{ kmsKeyId: 'k' }, { serverSideEncryption: 'AES256', kmsKeyId: 'k' }])
    it(`refuses a key for no key service: ${JSON.stringify(s3)}`, () => {
      expect(hudiSpec.safeParse({ url: 's3://lake', s3 }).error?.issues[0]?.message).to.match(/aws:kms/)
    })
})
