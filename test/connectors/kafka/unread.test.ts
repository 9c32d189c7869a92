import { expect } from 'chai'
import type { SourceTable } from '#connectors/connector.ts'
import { unreadRecords } from '#connectors/kafka/unread.ts'

function table(positions: Record<string, string>): SourceTable {
  return {
    name: 't',
    schema: { columns: [], key: [] },
    positions: new Map(Object.entries(positions)),
    mode: 'snapshotAndStream',
    start: 'earliest',
  }
}

const ends = [
  { topic: 't', partition: 0, offset: 9 },
  { topic: 't', partition: 1, offset: 4 },
]

describe('records of a topic that nobody has read', () => {
  for (const { name, held, expected } of [
    { name: 'none when all positions are at the ends', held: { 't/0': '9@3', 't/1': '4@8' }, expected: null },
    {
      name: 'those between positions and ends',
      held: { 't/0': '9@3', 't/1': '1@8' },
      expected: '3 records wait to be read in t/1.',
    },
    {
      name: 'a single one',
      held: { 't/0': '8@3', 't/1': '4@8' },
      expected: '1 record waits to be read in t/0.',
    },
    {
      name: 'those of several partitions',
      held: { 't/0': '8@3', 't/1': '3@8' },
      expected: '2 records wait to be read in t/0 and 1 more.',
    },
    {
      name: 'a partition that the table does not know',
      held: { 't/0': '9@3' },
      expected: 'Nothing of partition t/1 has been read yet.',
    },
    {
      name: 'none behind the end of a bounded read, whatever came since',
      held: { 't/0': '5@3..5', 't/1': '4@8' },
      expected: null,
    },
    {
      name: 'what is left of a bounded read',
      held: { 't/0': '3@3..5', 't/1': '4@8' },
      expected: '2 records wait to be read in t/0.',
    },
    {
      name: 'a topic that ends before the position: it may have been made anew',
      held: { 't/0': '12@3', 't/1': '4@8' },
      expected: 'Partition t/0 ends at 9, before the position 12.',
    },
  ])
    it(name, () => {
      expect(unreadRecords([table(held)], ends)).to.equal(expected)
    })
})
