import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import { describeSource } from '#test/contract/source.ts'
import { contractHarness } from './contract-harness.ts'
import { sharedServer } from './shared-server.ts'

describe('The contract', () => {
  let server: PostgresServer
  before(async () => {
    server = await sharedServer()
  })

  describeSource('PostgreSQL', () => contractHarness(server))
})
