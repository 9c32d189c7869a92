import { expect } from 'chai'
import { existsSync } from 'node:fs'
import { Client } from 'pg'

import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { isAlive } from '#scripts/server-process.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

for (const version of ['embedded', '15'] as const) {
  describe(`bed: PostgreSQL (${version})`, () => {
    requires(...(version === '15' ? (['postgres'] as const) : []))

    let server: PostgresServer
    before(async () => {
      server = await startPostgres({ version })
    })
    after(() => server.stop())

    it('answers, ready for logical replication', async () => {
      const sql = `select current_setting('wal_level') as wal, current_setting('server_version_num')::int / 10000 as major`
      expect(await query(server.url, sql)).to.deep.equal([
        { wal: 'logical', major: version === '15' ? 15 : 18 },
      ])
      await query(server.url, `select pg_create_logical_replication_slot('bed', 'pgoutput')`)
    })

    it('refuses a wrong password', async () => {
      const error = await query(server.url.replace(`:${server.password}@`, ':wrong@'), 'select 1').catch(
        e => e as Error,
      )
      expect(error).to.be.an('error').with.property('code', '28P01')
    })

    it('keeps what was committed over kill -9', async () => {
      await query(server.url, 'create table kept as select generate_series(1, 1000) as n')
      const killed = server.pid
      await server.kill9()
      expect(isAlive(killed)).to.equal(false)
      expect(() => server.pid).to.throw('not running')
      await server.restart()
      expect(await query(server.url, 'select count(*)::int as n from kept')).to.deep.equal([{ n: 1000 }])
    })

    it('leaves neither process nor file when it stops', async () => {
      const other = await startPostgres({ version, walLevel: 'replica' })
      expect(await query(other.url, 'show wal_level')).to.deep.equal([{ wal_level: 'replica' }])
      const { pid, dir } = other
      await other.stop()
      expect(isAlive(pid)).to.equal(false)
      expect(existsSync(dir)).to.equal(false)
    })
  })
}
