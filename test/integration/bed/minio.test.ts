import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { expect } from 'chai'

import { isAlive } from '#scripts/server-process.ts'
import { type BedMinio, startMinio } from '#test/bed/minio.ts'
import { requires } from '#test/bed/requires.ts'

describe('bed: MinIO', () => {
  requires('minio')

  let server: BedMinio
  let client: S3Client
  before(async () => {
    server = await startMinio()
    client = new S3Client({
      endpoint: server.endpoint,
      region: server.region,
      forcePathStyle: true,
      credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
    })
    await server.createBucket('lake')
  })
  after(async () => {
    client.destroy()
    await server.stop()
  })

  const put = (key: string): Promise<unknown> =>
    client.send(new PutObjectCommand({ Bucket: 'lake', Key: key, Body: 'x', IfNoneMatch: '*' }))

  it('lets one writer alone create an object', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => put('commit')))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(1)
  })

  it('keeps its objects over kill -9', async () => {
    await put('kept')
    const killed = server.pid
    await server.kill9()
    expect(isAlive(killed)).to.equal(false)
    await server.restart()
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'lake', Key: 'kept' }))
    expect(await Body?.transformToString()).to.equal('x')
  })

  it('leaves no process when it stops', async () => {
    const { pid } = server
    await server.stop()
    expect(isAlive(pid)).to.equal(false)
  })
})
