// What the source does when the server goes away, comes back, or is not set up for it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { ConfigError, PositionLostError, TransientError } from '#common/errors.ts'
import type { SyncError } from '#common/errors.ts'
import { Job, limits, never } from '#test/connectors/postgres/bed.ts'
import { errorOf } from '#test/connectors/postgres/failure.ts'
import { readAllSnapshots, readSplit, streamUntilCaughtUp } from '#test/connectors/postgres/reading.ts'
import { Replica } from '#test/connectors/postgres/rows.ts'

describe('PostgreSQL server', () => {
  let server: PostgresServer | null = null
  afterEach(async () => {
    await server?.stop()
    server = null
  })

  for (const [how, kill] of [
    ['is restarted', (one: PostgresServer) => one.restart()],
    ['crashes', (one: PostgresServer) => one.kill9().then(() => one.restart())],
  ] as const)
    it(`${how} in the middle of a stream: reading goes on where it was`, async () => {
      server = await startPostgres()
      const job = await Job.create(server)
      await job.sql('CREATE TABLE t (id int PRIMARY KEY, a text)')
      const source = await job.source()
      const replica = new Replica()
      const log = await readAllSnapshots(job, source, replica)
      await job.sql(`INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i`)
      const reading = errorOf(
        (async () => {
          for await (const chunk of source.read(
            log,
            await job.tables(source),
            { ...limits, chunkBytesMax: 64 * 1024 },
            never,
          )) {
            replica.apply(chunk)
            job.commitChunk(log, chunk)
            await new Promise(resolve => setTimeout(resolve, 5))
          }
        })(),
      )
      await new Promise(resolve => setTimeout(resolve, 200))
      await kill(server)
      expect(await reading).to.be.instanceOf(TransientError)
      const again = await job.reconnect()
      await again.query("INSERT INTO t VALUES (0, 'after')")
      await streamUntilCaughtUp(job, source, log, replica)
      expect(replica.rows('public.t')).to.have.length(20_001)
      await job.end()
    }).timeout(60_000)

  it('is restarted in the middle of a snapshot: a new plan reads it on', async () => {
    server = await startPostgres()
    const job = await Job.create(server, { snapshot: { rangeBytes: 1024 * 1024 } })
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY, a text)',
      `INSERT INTO t SELECT i, repeat('x', 300) FROM generate_series(1, 20000) i`,
    )
    const source = await job.source()
    const replica = new Replica()
    const splits = await job.plan(source)
    await readSplit(job, source, splits[0]!, replica)
    await readSplit(job, source, splits[1]!, replica, {
      limits: { chunkBytesMax: 64 * 1024, lingerMs: 20 },
      chunksMax: 3,
    })
    await server.restart()
    await job.reconnect()
    const error = await errorOf(readSplit(job, source, splits[1]!, replica))
    expect(error).to.be.instanceOf(TransientError).with.property('code', 'SNAPSHOT_EXPIRED')
    await job.sql("UPDATE t SET a = 'new' WHERE id % 100 = 0")
    const log = await readAllSnapshots(job, source, replica)
    await streamUntilCaughtUp(job, source, log, replica)
    const { rows } = await job.sql('SELECT id::text, a FROM t')
    expect(new Map(replica.rows('public.t').map(({ id, a }) => [id, a]))).to.deep.equal(
      new Map((rows as { id: string; a: string }[]).map(({ id, a }) => [id, a])),
    )
    await job.end()
  }).timeout(60_000)

  it('without wal_level logical is refused with the remedy, and can still be snapshotted', async () => {
    server = await startPostgres({ walLevel: 'replica' })
    const job = await Job.create(server)
    await job.sql('CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)')
    const source = await job.source()
    const error = (await errorOf(job.plan(source))) as SyncError
    expect(error).to.be.instanceOf(ConfigError).with.property('code', 'PG_WAL_LEVEL')
    const [split] = await job.plan(source, { mode: 'snapshot' })
    const replica = new Replica()
    await readSplit(job, source, split!, replica)
    expect(replica.rows('public.t')).to.have.length(1)
    await job.end()
  })

  it('without a free slot is refused with the remedy', async () => {
    server = await startPostgres({ settings: { max_replication_slots: '1' } })
    const job = await Job.create(server)
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY)',
      `SELECT pg_create_physical_replication_slot('other')`,
    )
    const error = (await errorOf(job.plan(await job.source()))) as SyncError
    expect(error).to.be.instanceOf(ConfigError).with.property('code', 'PG_LIMIT_REACHED')
    await job.end()
  })

  it('that dropped the log of the slot makes the position lost', async () => {
    server = await startPostgres({
      settings: { max_slot_wal_keep_size: '1MB', max_wal_size: '32MB', min_wal_size: '32MB' },
    })
    const job = await Job.create(server)
    await job.sql('CREATE TABLE t (id int PRIMARY KEY, a text)')
    const source = await job.source()
    const log = await readAllSnapshots(job, source, new Replica())
    for (let round = 0; round < 4; round++)
      await job.sql(
        `INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(${round * 50000}, ${round * 50000 + 49999}) i`,
        'SELECT pg_switch_wal()',
        'CHECKPOINT',
      )
    for (const work of [() => job.plan(source), () => streamUntilCaughtUp(job, source, log, new Replica())])
      expect(await errorOf(work()))
        .to.be.instanceOf(PositionLostError)
        .with.property('code', 'PG_SLOT_LOST')
    await job.end()
  }).timeout(60_000)

  it('shows its certificate, which must be trusted and be for its name as the mode says', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-tls-'))
    const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-keyout',
        key,
        '-out',
        certificate,
        '-days',
        '2',
        ...subject,
      ],
      { stdio: 'ignore' },
    )
    server = await startPostgres()
    const job = await Job.create(server)
    // Written by the server itself, so that the key belongs to its user.
    for (const [path, name] of [
      [key, 'server.key'],
      [certificate, 'server.crt'],
    ] as const)
      await job.sql(
        `COPY (SELECT '${readFileSync(path).toString('base64')}') TO PROGRAM 'umask 077; base64 -d > ${name}'`,
      )
    await job.sql('ALTER SYSTEM SET ssl = on', 'SELECT pg_reload_conf()')
    await new Promise(resolve => setTimeout(resolve, 500))
    const ca = { value: readFileSync(certificate, 'utf8') }
    rmSync(dir, { recursive: true })
    const discover = async (host: string, tls: object): Promise<string> => {
      try {
        await (await job.source({ host, tls })).discover(never)
        return 'ok'
      } catch (error) {
        return (error as SyncError).code
      }
    }
    expect(await discover('localhost', { mode: 'verify-full', ca })).to.equal('ok')
    expect(await discover('127.0.0.1', { mode: 'verify-full', ca })).to.equal('SOURCE_TLS_FAILED')
    expect(await discover('127.0.0.1', { mode: 'verify-ca', ca })).to.equal('ok')
    expect(await discover('127.0.0.1', { mode: 'verify-ca' })).to.equal('SOURCE_TLS_FAILED')
    expect(await discover('127.0.0.1', { mode: 'require' })).to.equal('ok')
    await job.sql('CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)')
    const source = await job.source({ host: 'localhost', tls: { mode: 'verify-full', ca } })
    const replica = new Replica()
    const log = await readAllSnapshots(job, source, replica)
    await job.sql('INSERT INTO t VALUES (2)')
    await streamUntilCaughtUp(job, source, log, replica)
    expect(replica.rows('public.t')).to.have.length(2)
    await job.end()
  })
})
