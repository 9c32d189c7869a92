import { expect } from 'chai'
import { ConfigError } from '#common/errors.ts'
import type { SourceTable } from '#connectors/connector.ts'
import { requireResyncable } from '#connectors/kafka/resync.ts'

const table: SourceTable = {
  name: 'clicks',
  schema: { columns: [], key: [] },
  positions: new Map([['clicks/0', '4@8']]),
  mode: 'snapshotAndStream',
  start: 'latest',
}

describe('a topic that is to be read again', () => {
  it('can be, where its records are all kept and begin at the first one, or at a time', () => {
    requireResyncable(table)
    requireResyncable({ ...table, mode: 'stream', start: 'earliest' })
    requireResyncable({ ...table, mode: 'stream', start: '2026-01-31T12:00:00Z' })
  })

  const refused: { name: string; change: Partial<SourceTable>; says: string }[] = [
    { name: 'it has a key', change: { schema: { columns: [], key: ['id'] } }, says: 'ordered by their time' },
    { name: 'it would begin at its end', change: { mode: 'stream' }, says: 'is latest' },
    {
      name: 'another source writes there, too',
      change: { positions: new Map([['log', '0/1']]) },
      says: '(log)',
    },
  ]
  for (const { name, change, says } of refused)
    it(`cannot be when ${name}`, () => {
      expect(() => requireResyncable({ ...table, ...change })).to.throw(ConfigError, says)
    })
})
