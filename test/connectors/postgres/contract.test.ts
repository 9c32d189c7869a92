import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { describeSource } from '#test/contract/source.ts'
import { Job } from './bed.ts'
import { sharedServer } from './shared-server.ts'

describe('The contract', () => {
  let server: PostgresServer
  before(async () => {
    server = await sharedServer()
  })

  describeSource('PostgreSQL', async () => {
    const job = await Job.create(server)
    await job.sql('CREATE TABLE events (id text PRIMARY KEY, payload text)')
    return {
      table: 'public.events',
      idColumn: 'id',
      open: () => job.source(),
      append: async ids => {
        await job.client.query(
          `INSERT INTO events SELECT id, repeat(md5(id), 6) FROM unnest($1::text[]) id`,
          [ids],
        )
      },
      end: () => job.end(),
    }
  })
})
