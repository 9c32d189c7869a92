import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { expect } from 'chai'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

import { hashRows } from '#test/bed/canonical.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { type BedMinio, startMinio } from '#test/bed/minio.ts'
import { requires } from '#test/bed/requires.ts'
import { goldenExpectation, goldenTables, unpackGolden } from '#test/golden/unpack.ts'

describe('bed: Hudi readers', function () {
  this.timeout(300_000)
  requires('hudi', 'minio')

  let dir: string
  let readers: HudiReaders
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-readers-'))
    readers = await HudiReaders.start()
  })
  after(async () => {
    await readers.stop()
    await rm(dir, { recursive: true })
  })

  it('read every golden table as the model of its writes says', async () => {
    for (const table of await goldenTables()) {
      const path = await unpackGolden(table, dir)
      const { count, hash } = await goldenExpectation(table)
      expect(await readers.hashSpark(path), `Spark: ${table}`).to.deep.equal({ count, hash })
      expect(await readers.hashRs(path), `hudi-rs: ${table}`).to.deep.equal({ count, hash })
    }
  })

  it('return rows that hash to what they hash themselves', async () => {
    const path = join(dir, 'v8_mor_types')
    const { count, hash } = await goldenExpectation('v8_mor_types')
    expect(hashRows(await readers.readSpark(path))).to.deep.equal({ count, hash })
    expect(hashRows(await readers.readHudiRs(path))).to.deep.equal({ count, hash })
  })

  it('travel in time', async () => {
    const path = join(dir, 'v8_mor_part_hive')
    const { time_travel: states } = await goldenExpectation('v8_mor_part_hive')
    for (const { as_of: asOf, count, hash } of states) {
      expect(await readers.hashSpark(path, { asOf })).to.deep.equal({ count, hash })
      expect(await readers.hashRs(path, { asOf })).to.deep.equal({ count, hash })
    }
  })

  it('agree on an incremental query', async () => {
    const path = join(dir, 'v8_mor_part_hive')
    const { instants } = await goldenExpectation('v8_mor_part_hive')
    const incrementalFrom = instants[0]?.completion ?? ''
    const changed = await readers.readSpark(path, { incrementalFrom, columns: ['id', 'ts'] })
    expect(changed).to.not.be.empty
    expect(await readers.readHudiRs(path, { incrementalFrom, columns: ['id', 'ts'] })).to.deep.equal(changed)
  })

  it('read version 6 with Hudi 0.15 and refuse version 8', async () => {
    const { count, hash } = await goldenExpectation('v6n_cow_nonpart')
    const hudiVersion = '0.15.0'
    expect(await readers.hashSpark(join(dir, 'v6n_cow_nonpart'), { hudiVersion })).to.deep.equal({
      count,
      hash,
    })
    const error = await readers.hashSpark(join(dir, 'v8_mor_types'), { hudiVersion }).catch(e => e as Error)
    expect(error).to.be.an('error')
  })

  it('run SQL, procedures and writes', async () => {
    const path = await unpackGolden('v8_cow_types', join(dir, 'sql'))
    const { count } = await goldenExpectation('v8_cow_types')
    const counting = 'select count(*) as n from t'
    expect(await readers.sql(path, counting)).to.deep.equal([{ n: count }])
    expect(await readers.sql(path, `call show_commits(table => 't', limit => 10)`)).to.have.lengthOf(3)
    await readers.sql(path, `delete from t where id = 'k003'`)
    expect(await readers.sql(path, counting)).to.deep.equal([{ n: count - 1 }])
  })

  it('write the rows to a file for tables too large to return', async () => {
    const file = join(dir, 'rows.ndjson')
    const { count } = await readers.hashRs(join(dir, 'v8_mor_types'), { path: file, columns: ['id'] })
    expect((await readFile(file, 'utf8')).trim().split('\n')).to.have.lengthOf(count)
  })

  it('name what went wrong and go on', async () => {
    const nowhere = join(dir, 'nowhere')
    for (const read of [() => readers.hashSpark(nowhere), () => readers.hashRs(nowhere)]) {
      const error = await read().catch(e => e as Error)
      expect(error)
        .to.be.an('error')
        .with.property('message')
        .that.matches(/not found/i)
    }
    expect(await readers.readHudiRs(join(dir, 'v8_mor_types'))).to.not.be.empty
  })

  it('read from S3, also after the server has changed', async () => {
    for (const table of ['v8_mor_types', 'v8_mor_part_hive']) {
      const server = await startMinio()
      try {
        await upload(join(dir, table), table, server)
        const { count, hash } = await goldenExpectation(table)
        expect(await readers.hashSpark(`s3://lake/${table}`, { s3: server })).to.deep.equal({ count, hash })
        expect(await readers.hashRs(`s3://lake/${table}`, { s3: server })).to.deep.equal({ count, hash })
      } finally {
        await server.stop()
      }
    }
  })
})

async function upload(folder: string, prefix: string, server: BedMinio): Promise<void> {
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
  })
  await server.createBucket('lake')
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path)
    await client.send(
      new PutObjectCommand({ Bucket: 'lake', Key: `${prefix}/${name}`, Body: await readFile(path) }),
    )
  }
  client.destroy()
}
