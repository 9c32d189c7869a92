// The same against an older server: no generated columns in the log, other messages.
import { existsSync } from 'node:fs'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { DEBIAN_POSTGRES_BIN_DIR } from '#test/bed/cache.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { contractHarness } from '#test/connectors/postgres/contract-harness.ts'
import { describeTypes } from '#test/connectors/postgres/types.ts'
import { describeSource } from '#test/contract/source.ts'

const isInstalled = existsSync(DEBIAN_POSTGRES_BIN_DIR)
const suite = isInstalled ? describe : describe.skip

suite(`PostgreSQL 15${isInstalled ? '' : `: skipped, ${DEBIAN_POSTGRES_BIN_DIR} is not there`}`, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres({ version: '15' })
  })
  after(() => server.stop())

  describeTypes('15', () => Promise.resolve(server))

  describe('the contract', () => {
    describeSource('PostgreSQL 15', () => contractHarness(server))
  })
})
