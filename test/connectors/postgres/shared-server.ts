// One embedded server for all files of this folder that need nothing special of it: each job has its own database.
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { startPostgres } from '#test/bed/postgres.ts'

let started: Promise<PostgresServer> | null = null

/** Started by the first who asks, stopped when all tests are done. */
export function sharedServer(): Promise<PostgresServer> {
  return (started ??= startPostgres())
}

after(async () => {
  await (await started)?.stop()
})
