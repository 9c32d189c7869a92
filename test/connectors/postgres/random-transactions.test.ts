// Random transactions, from several connections at once, while a job snapshots, streams, is stopped and goes on:
// in the end the replica has just what the table has.
import { expect } from 'chai'
import fc from 'fast-check'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { Job, connect } from './bed.ts'
import { readAllSnapshots, streamUntilCaughtUp } from './reading.ts'
import { Replica } from './rows.ts'
import { sharedServer } from './shared-server.ts'

const key = fc.integer({ min: 1, max: 12 })
const text = fc.oneof(fc.constant('NULL'), fc.constant("'short'"), fc.constant("repeat('long', 2000)"))

const statement = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(key, text)
      .map(([id, a]) => `INSERT INTO t VALUES (${id}, 0, ${a}) ON CONFLICT (id) DO UPDATE SET a = ${a}`),
  },
  { weight: 5, arbitrary: key.map(id => `UPDATE t SET n = n + 1 WHERE id <= ${id}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, key)
      .map(
        ([from, to]) =>
          `UPDATE t SET id = ${to} WHERE id = ${from} AND NOT EXISTS (SELECT 1 FROM t WHERE id = ${to})`,
      ),
  },
  { weight: 3, arbitrary: key.map(id => `DELETE FROM t WHERE id = ${id}`) },
  { weight: 1, arbitrary: fc.constant('TRUNCATE t') },
)
const transaction = fc.record({
  connection: fc.nat({ max: 1 }),
  statements: fc.array(statement, { minLength: 1, maxLength: 5 }),
  commits: fc.boolean(),
})
const episode = fc.record({
  transactions: fc.array(transaction, { minLength: 1, maxLength: 6 }),
  isNew: fc.boolean(),
})

describe('PostgreSQL source under random transactions', () => {
  let server: PostgresServer
  before(async () => {
    server = await sharedServer()
  })

  it('ends with the rows of the table', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(transaction, { maxLength: 4 }),
        fc.array(episode, { maxLength: 4 }),
        async (before, episodes) => {
          const job = await Job.create(server)
          const connections = [await connect(server, job.database), await connect(server, job.database)]
          const run = async (transactions: typeof before): Promise<void> => {
            for (const { connection, statements, commits } of transactions) {
              const client = connections[connection]!
              await client.query('BEGIN')
              for (const sql of statements) await client.query(sql)
              await client.query(commits ? 'COMMIT' : 'ROLLBACK')
            }
          }
          try {
            await job.sql(
              'CREATE TABLE t (id int PRIMARY KEY, n int, a text)',
              'ALTER TABLE t ALTER a SET STORAGE EXTERNAL',
            )
            await run(before)
            let source = await job.source()
            const replica = new Replica()
            const log = await readAllSnapshots(job, source, replica)
            for (const { transactions, isNew } of episodes) {
              await run(transactions)
              if (isNew) {
                await source.close()
                source = await job.source()
              }
              await streamUntilCaughtUp(job, source, log, replica, { chunkBytesMax: 16 * 1024, lingerMs: 5 })
            }
            const { rows } = await job.sql('SELECT id::text, n::text, a FROM t')
            expect(replica.rows('public.t')).to.have.deep.members(rows)
          } finally {
            for (const client of connections) await client.end()
            await job.end()
          }
        },
      ),
      { numRuns: 6 },
    )
  }).timeout(120_000)
})
