import { expect } from 'chai'
import { ConfigError, TransientError } from '#common/errors.ts'
import type { Target, TargetTable } from '#connectors/connector.ts'
import { OpenWriters } from '#worker/open-writers.ts'
import { FakeWriter, schema } from '#test/worker/fake-ends.ts'

const table: TargetTable = {
  name: 'a',
  schema,
  estimatedBytes: 0,
  estimatedRows: 0,
  options: {},
  schemaEvolution: 'evolve',
}
const { signal } = new AbortController()

function setUp() {
  const opened: FakeWriter[] = []
  const target: Target = {
    openTable: () => {
      opened.push(new FakeWriter())
      return Promise.resolve(opened.at(-1)!)
    },
    close: () => Promise.resolve(),
  }
  return { opened, writers: new OpenWriters(target) }
}

describe('open writers', () => {
  it('stay open and are brought up to date', async () => {
    const { opened, writers } = setUp()
    const first = await writers.of(table, signal)
    let refreshed = 0
    opened[0]!.refresh = () => Promise.resolve(void refreshed++)
    expect(await writers.of(table, signal)).to.equal(first)
    expect(refreshed).to.equal(1)
  })

  it('are opened anew when the table was removed to be read again', async () => {
    const { opened, writers } = setUp()
    const first = await writers.of(table, signal)
    opened[0]!.refresh = () =>
      Promise.reject(new ConfigError('removed and made anew', { code: 'LAKE_TABLE_MISSING' }))
    expect(await writers.of(table, signal)).to.not.equal(first)
    expect(opened).to.have.length(2)
  })

  it('hand on any other failure', async () => {
    const { opened, writers } = setUp()
    await writers.of(table, signal)
    opened[0]!.refresh = () => Promise.reject(new TransientError('away', { code: 'STORAGE_UNAVAILABLE' }))
    const error = await writers.of(table, signal).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect(error).to.be.instanceOf(TransientError)
  })
})
