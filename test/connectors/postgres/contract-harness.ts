// PostgreSQL as the contract of sources wants it, whatever its version.
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { SourceHarness } from '#test/contract/source.ts'
import { Job } from './bed.ts'

export async function contractHarness(server: PostgresServer): Promise<SourceHarness> {
  const job = await Job.create(server)
  await job.sql('CREATE TABLE events (id text PRIMARY KEY, payload text)')
  return {
    table: 'public.events',
    idColumn: 'id',
    open: () => job.source(),
    append: async ids => {
      await job.client.query(`INSERT INTO events SELECT id, repeat(md5(id), 6) FROM unnest($1::text[]) id`, [
        ids,
      ])
    },
    end: () => job.end(),
  }
}
