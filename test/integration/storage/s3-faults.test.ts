// The S3 store against a real server behind a proxy that does what networks and overloaded servers do.
import { expect } from 'chai'
import type { Fault, FaultProxy, SeenRequest } from '#test/bed/fault-proxy.ts'
import { operationOf, startFaultProxy } from '#test/bed/fault-proxy.ts'
import type { BedMinio } from '#test/bed/minio.ts'
import { startMinio } from '#test/bed/minio.ts'
import { systemClock } from '#common/clock.ts'
import type { SyncError } from '#common/errors.ts'
import { openStore } from '#lake/storage/open.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { S3Options } from '#lake/storage/s3-options.ts'

/** Short, so that a test of a silent server ends soon; what is shown is that they are kept, not how long they are. */
const timeouts = { connectMs: 500, silenceMs: 400, callMs: 2_000 }
const large = new Uint8Array(20 * 1024 * 1024).map((_, i) => (i * 2_654_435_761) >>> 24)
const mine = Buffer.from('mine')

async function failure(work: Promise<unknown>): Promise<SyncError> {
  return (await work.then(
    () => expect.fail('it succeeded'),
    (thrown: unknown) => thrown,
  )) as SyncError
}

describe('S3Store behind a bad network', function () {
  this.timeout(60_000)
  let minio: BedMinio
  let proxy: FaultProxy
  let store: ObjectStore
  let folder = 0

  function open(more: Partial<S3Options> = {}): Promise<ObjectStore> {
    const credentials = { accessKeyId: minio.accessKey, secretAccessKey: minio.secretKey }
    const s3 = { endpoint: proxy.endpoint, pathStyle: true, credentials, timeouts, ...more }
    return openStore(`s3://lake/f${folder++}`, { clock: systemClock, s3 })
  }

  /** From now on the first requests of this operation meet this fault, or all of them. */
  function meet(operation: string, fault: Fault, times = Infinity): void {
    let left = times
    proxy.setRule(request => (operationOf(request) === operation && left-- > 0 ? fault : null))
  }

  function seen(operation: string): SeenRequest[] {
    return proxy.seen.filter(request => operationOf(request) === operation)
  }

  before(async function () {
    this.timeout(120_000)
    minio = await startMinio({
      env: { MINIO_KMS_SECRET_KEY: 'lake-key:OSMM+vkKUTCvQs9YL/CVMIMt43HFhkUpqJxTmGl6rYw=' },
    })
    await minio.createBucket('lake')
  })

  after(() => minio?.stop())

  beforeEach(async () => {
    proxy = await startFaultProxy(minio.endpoint)
    store = await open()
  })

  afterEach(async () => {
    await store.close()
    await proxy.stop()
  })

  for (const [status, code] of [
    [503, 'SlowDown'],
    [500, 'InternalError'],
    [502, 'BadGateway'],
    [429, 'TooManyRequests'],
  ] as const) {
    it(`goes on after ${status} ${code}, and says STORAGE_UNAVAILABLE when it does not end`, async () => {
      const fault = { kind: 'answer', status, code } as const
      const patient = await open({ timeouts: { ...timeouts, callMs: 20_000 } })
      meet('PutObject', fault, 2)
      await patient.put('a', mine)
      proxy.setRule(null)
      expect(Buffer.from((await patient.get('a'))!)).to.deep.equal(mine)
      await patient.close()
      proxy.setRule(() => fault)
      const calls = [store.put('b', mine), store.get('a'), store.delete(['a']), listed(store)]
      for (const error of await Promise.all(calls.map(failure)))
        expect(error).to.include({ name: 'TransientError', code: 'STORAGE_UNAVAILABLE' })
    })
  }

  it('gives up on a server that takes connections and says nothing', async () => {
    proxy.setRule(() => ({ kind: 'black hole' }))
    const started = performance.now()
    const calls = [
      store.put('a', mine),
      store.putIfAbsent('a', mine),
      store.get('a'),
      store.getRange('a', 0, 1),
      store.delete(['a', 'b']),
      listed(store),
      store.put('large', large),
    ]
    for (const error of await Promise.all(calls.map(failure)))
      expect(error).to.include({ name: 'TransientError', code: 'STORAGE_UNAVAILABLE' })
    // Not after the hours that TCP would take: the bound is a few times `callMs`.
    expect(performance.now() - started).to.be.below(15_000)
  })

  for (const kind of ['reset in answer', 'stall in answer'] as const)
    it(`reads again what ended in the middle (${kind})`, async () => {
      await store.put('large', large)
      meet('GetObject', { kind, afterBytes: 1_000_000 }, 2)
      expect(Buffer.compare((await store.get('large'))!, large)).to.equal(0)
      expect(seen('GetObject')).to.have.length(3)
      meet('GetObject', { kind, afterBytes: 1_000_000 })
      expect(await failure(store.get('large'))).to.include({ code: 'STORAGE_UNAVAILABLE' })
    })

  it('sends again what was reset in the middle', async () => {
    meet('PutObject', { kind: 'reset in request', afterBytes: 100_000 }, 2)
    const half = large.subarray(0, 10_000_000)
    await store.put('half', half)
    proxy.setRule(null)
    expect(Buffer.compare((await store.get('half'))!, half)).to.equal(0)
  })

  it('shows nothing of a put that never came through', async () => {
    meet('PutObject', { kind: 'reset in request', afterBytes: 100_000 })
    expect(await failure(store.put('half', large.subarray(0, 10_000_000)))).to.include({
      code: 'STORAGE_UNAVAILABLE',
    })
    proxy.setRule(null)
    expect(await listed(store)).to.deep.equal([])
  })

  it('knows its own put-if-absent when the answer to it was lost', async () => {
    meet('PutObject', { kind: 'lose answer' }, 1)
    expect(await store.putIfAbsent('a', mine)).to.equal(true)
    meet('PutObject', { kind: 'lose answer' }, 1)
    expect(await store.putIfAbsent('a', Buffer.from('another'))).to.equal(false)
    proxy.setRule(null)
    expect(Buffer.from((await store.get('a'))!)).to.deep.equal(mine)
  })

  it('does not claim to know when no answer to a put-if-absent ever came', async () => {
    meet('PutObject', { kind: 'lose answer' })
    expect(await failure(store.putIfAbsent('a', mine))).to.include({ code: 'STORAGE_UNAVAILABLE' })
    proxy.setRule(null)
    expect(Buffer.from((await store.get('a'))!)).to.deep.equal(mine)
  })

  it('tries again when two conditional writes met, with pauses', async () => {
    meet('PutObject', { kind: 'answer', status: 409, code: 'ConditionalRequestConflict' }, 3)
    expect(await store.putIfAbsent('a', mine)).to.equal(true)
    expect(seen('PutObject')).to.have.length(4)
  })

  it('takes an upload in parts for done when the answer to its completion was lost', async () => {
    meet('CompleteUpload', { kind: 'lose answer' }, 1)
    await store.put('large', large)
    proxy.setRule(null)
    expect(Buffer.compare((await store.get('large'))!, large)).to.equal(0)
  })

  it('shows nothing of an upload in parts that failed, and leaves no parts', async () => {
    let parts = 0
    const forbidden = { kind: 'answer', status: 403, code: 'AccessDenied' } as const
    proxy.setRule(request => (operationOf(request) === 'UploadPart' && ++parts > 1 ? forbidden : null))
    expect(await failure(store.put('large', large))).to.include({ code: 'STORAGE_DENIED' })
    expect(seen('AbortUpload')).to.have.length(1)
    proxy.setRule(null)
    expect(await listed(store)).to.deep.equal([])
  })

  it('takes up renewed credentials by itself, without a failure', async () => {
    let secretAccessKey = minio.secretKey
    let reads = 0
    const credentials = () => {
      reads++
      return Promise.resolve({ accessKeyId: minio.accessKey, secretAccessKey })
    }
    const renewing = await open({ credentials })
    await renewing.put('a', mine)
    // What a store says when keys end their life before they are renewed.
    secretAccessKey = 'of the past'
    const expired = { kind: 'answer', status: 400, code: 'ExpiredToken' } as const
    meet('GetObject', expired)
    const error = await failure(renewing.get('a'))
    expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_DENIED' })
    secretAccessKey = minio.secretKey
    proxy.setRule(null)
    expect(Buffer.from((await renewing.get('a'))!)).to.deep.equal(mine)
    expect(reads).to.be.below(6)
    await renewing.close()
  })

  it('reads the credentials again when the store refuses them, and tries once more with others', async () => {
    const right = { accessKeyId: minio.accessKey, secretAccessKey: minio.secretKey }
    for (const old of [
      { ...right, accessKeyId: 'gone' },
      { ...right, secretAccessKey: 'changed' },
    ]) {
      const given = [old]
      const renewing = await open({ credentials: () => Promise.resolve(given.pop() ?? right) })
      await renewing.put('a', mine)
      expect(Buffer.from((await renewing.get('a'))!)).to.deep.equal(mine)
      await renewing.close()
      const refused = await open({ credentials: () => Promise.resolve(old) })
      expect((await failure(refused.get('a'))).message).to.match(/correct it in the Secret/)
      await refused.close()
    }
  })

  it('corrects a clock that differs from the one of the store', async () => {
    const hourMs = 3_600_000
    const later = (): string => new Date(Date.now() + hourMs).toUTCString()
    proxy.setRule(({ headers }) => {
      const signedAt = String(headers['x-amz-date'])
      const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(signedAt)!.map(Number)
      const isSkewed = Math.abs(Date.UTC(y!, mo! - 1, d, h, mi, s) - Date.now() - hourMs) > 900_000
      const code = isSkewed ? 'RequestTimeTooSkewed' : 'AccessDenied'
      return { kind: 'answer', status: 403, code, headers: { date: later() } }
    })
    // Tries after the first are signed by the store's clock: they are refused for the rule's other reason.
    expect((await failure(store.put('a', mine))).context['reason']).to.equal('AccessDenied')
    expect(seen('PutObject').length).to.be.above(1)
  })

  it('says what is wrong with a clock that cannot be corrected', async () => {
    proxy.setRule(() => ({ kind: 'answer', status: 403, code: 'RequestTimeTooSkewed' }))
    expect((await failure(store.put('a', mine))).message).to.match(/clocks .* differ too much/)
  })

  it('asks for encryption, which the store then does, in one piece, in parts and in copies', async () => {
    const encrypted = await open({ encryption: { algorithm: 'AES256' } })
    await encrypted.put('a', mine)
    await encrypted.putIfAbsent('b', mine)
    await encrypted.put('large', large)
    await encrypted.copy('a', 'c')
    expect(Buffer.compare((await encrypted.get('large'))!, large)).to.equal(0)
    expect(Buffer.from((await encrypted.get('c'))!)).to.deep.equal(mine)
    const made = ['PutObject', 'CreateUpload', 'CopyObject'].flatMap(seen)
    expect(made).to.have.length(4)
    for (const { headers } of made) expect(headers['x-amz-server-side-encryption']).to.equal('AES256')
    await encrypted.close()
  })

  it('names the key of the key service', async () => {
    const encrypted = await open({ encryption: { algorithm: 'aws:kms', keyId: 'lake-key' } })
    await encrypted.put('a', mine)
    expect(Buffer.from((await encrypted.get('a'))!)).to.deep.equal(mine)
    expect(seen('PutObject')[0]!.headers).to.include({
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'lake-key',
    })
    await encrypted.close()
  })

  it('sends checksums only where they are wanted', async () => {
    await store.put('a', mine)
    expect(seen('PutObject')[0]!.headers).not.to.have.property('x-amz-checksum-crc32')
    const checked = await open({ requestChecksumCalculation: 'WHEN_SUPPORTED' })
    await checked.put('a', mine)
    await checked.put('large', large)
    expect(seen('PutObject')[1]!.headers).to.have.property('x-amz-checksum-crc32')
    expect(Buffer.compare((await checked.get('large'))!, large)).to.equal(0)
    await checked.close()
  })

  it('names the region of the bucket when another was given', async () => {
    const elsewhere = await open({ region: 'eu-west-1' })
    const error = await failure(elsewhere.get('a'))
    expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_REGION_WRONG' })
    expect(error.message).to.include('us-east-1')
    await elsewhere.close()
  })
})

async function listed(store: ObjectStore): Promise<string[]> {
  const paths: string[] = []
  for await (const { path } of store.list('')) paths.push(path)
  return paths
}
