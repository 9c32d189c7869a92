import { expect } from 'chai'
import type { SourceTable } from '#connectors/connector.ts'
import { planTable } from '#connectors/kafka/split-plan.ts'

function table(mode: SourceTable['mode'], positions: Record<string, string> = {}): SourceTable {
  return {
    name: 't',
    schema: { columns: [], key: [] },
    positions: new Map(Object.entries(positions)),
    mode,
    start: 'latest',
  }
}

const partitions = [
  { partition: 0, earliest: 2, latest: 9, start: 7 },
  { partition: 1, earliest: 0, latest: 4, start: 4 },
]

describe('the plan of a topic', () => {
  for (const { name, given, initial, splits } of [
    {
      name: 'a new table is read from its first records',
      given: table('snapshotAndStream'),
      initial: { 't/0': '2@0', 't/1': '0@0' },
      splits: ['t/0', 't/1'],
    },
    {
      name: 'a new stream begins at its start',
      given: table('stream'),
      initial: { 't/0': '7@0', 't/1': '4@0' },
      splits: ['t/0', 't/1'],
    },
    {
      name: 'a partition new to a known stream is read from its first record',
      given: table('stream', { 't/1': '4@8' }),
      initial: { 't/0': '2@0' },
      splits: ['t/0', 't/1'],
    },
    {
      name: 'a snapshot ends where the partitions end now',
      given: table('snapshot'),
      initial: { 't/0': '2@0..9', 't/1': '0@0..4' },
      splits: ['t/0', 't/1'],
    },
    {
      name: 'a snapshot that has begun takes no new partitions',
      given: table('snapshot', { 't/1': '3@5..4' }),
      initial: {},
      splits: ['t/1'],
    },
    {
      name: 'a snapshot that is done has nothing to read, though its records were removed since',
      given: table('snapshot', { 't/0': '1@5..1', 't/1': '4@5..4' }),
      initial: {},
      splits: [],
    },
  ])
    it(name, () => {
      const plan = planTable(given, partitions)
      expect(Object.fromEntries(plan.initialPositions)).to.deep.equal(initial)
      expect(plan.splits.map(split => split.id)).to.deep.equal(splits)
      for (const split of plan.splits) expect(split.bounded).to.equal(given.mode === 'snapshot')
    })

  for (const position of ['1@0', '10@0', '0@0..5'])
    it(`a position outside the partition is lost: ${position}`, () => {
      expect(() => planTable(table('stream', { 't/0': position }), partitions))
        .to.throw()
        .with.property('code', 'KAFKA_OFFSET_LOST')
    })

  it('a position at either end of the partition is not', () => {
    for (const position of ['2@0', '9@0'])
      expect(planTable(table('stream', { 't/0': position }), partitions).splits).to.have.length(2)
  })
})
