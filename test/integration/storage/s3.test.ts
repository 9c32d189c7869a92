// The S3 store against a real server.
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { expect } from 'chai'
import { objectStoreContract } from '#test/contract/object-store.ts'
import type { BedMinio } from '#test/bed/minio.ts'
import { startMinio } from '#test/bed/minio.ts'
import { systemClock } from '#common/clock.ts'
import type { SyncError } from '#common/errors.ts'
import { openStore } from '#lake/storage/open.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { probeConditionalPut } from '#lake/storage/probe.ts'
import type { S3Options } from '#lake/storage/s3-options.ts'

let minio: BedMinio
let stores = 0

function s3Options(more: Partial<S3Options> = {}): S3Options {
  const credentials = { accessKeyId: minio.accessKey, secretAccessKey: minio.secretKey }
  return { endpoint: minio.endpoint, region: minio.region, pathStyle: true, credentials, ...more }
}

function open(url: string, more: Partial<S3Options> = {}): Promise<ObjectStore> {
  return openStore(url, { clock: systemClock, s3: s3Options(more) })
}

async function failure(promise: Promise<unknown>): Promise<[string, string]> {
  const error = (await promise.then(
    () => expect.fail('it succeeded'),
    (thrown: unknown) => thrown,
  )) as SyncError
  return [error.name, error.code]
}

before(async function () {
  this.timeout(120_000)
  minio = await startMinio()
  await minio.createBucket('lake')
})

after(() => minio?.stop())

objectStoreContract('S3', { open: () => open(`s3://lake/store-${stores++}`), largeBytes: 40_000_000 })

describe('S3Store', function () {
  this.timeout(60_000)

  it('lists more than one page', async () => {
    const store = await open('s3://lake/pages')
    const paths = Array.from({ length: 1005 }, (_, i) => `p/${String(i).padStart(5, '0')}`)
    for (let at = 0; at < paths.length; at += 50)
      await Promise.all(paths.slice(at, at + 50).map(path => store.put(path, Buffer.from('x'))))
    const found: string[] = []
    for await (const { path } of store.list('p/')) found.push(path)
    expect(found).to.deep.equal(paths)
    await store.delete(paths)
    for await (const { path } of store.list('p/')) expect.fail(path)
    await store.close()
  })

  it('leaves no part of an upload that failed', async () => {
    const store = await open('s3://lake/aborted')
    const chunks = (async function* () {
      yield new Uint8Array(20_000_000)
      yield await Promise.reject(new Error('of the source'))
    })()
    await store.putStream('a', chunks).catch(() => undefined)
    await store.close()
    const client = new S3Client({ ...s3Options(), region: minio.region, forcePathStyle: true })
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'lake' }))
    client.destroy()
    expect(Uploads).to.deep.equal([])
  })

  it('passes the probe of create-if-absent', async () => {
    const store = await open('s3://lake/probe')
    await probeConditionalPut(store, systemClock)
    for await (const { path } of store.list('')) expect.fail(path)
  })

  it('says that the bucket does not exist', async () => {
    const store = await open('s3://nowhere/x')
    expect(await failure(store.put('a', Buffer.from('1')))).to.deep.equal([
      'ConfigError',
      'STORAGE_NOT_FOUND',
    ])
    expect(await failure(store.get('a'))).to.deep.equal(['ConfigError', 'STORAGE_NOT_FOUND'])
  })

  it('says that the credentials are refused', async () => {
    const store = await open('s3://lake/x', {
      credentials: { accessKeyId: 'bedaccess', secretAccessKey: 'wrong' },
    })
    expect(await failure(store.get('a'))).to.deep.equal(['ConfigError', 'STORAGE_DENIED'])
  })

  it('says that nobody answers', async () => {
    const store = await open('s3://lake/x', { endpoint: 'http://127.0.0.1:1' })
    expect(await failure(store.get('a'))).to.deep.equal(['TransientError', 'STORAGE_UNAVAILABLE'])
  })
})
