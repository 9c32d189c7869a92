import { expect } from 'chai'
import { typeName } from '#catalog/types.ts'
import { TransientError } from '#common/errors.ts'
import type { SourceTable } from '#connectors/connector.ts'
import type { Bed } from './source-bed.ts'
import { bed, failure, hastyClock, planned, schema, table, value } from './source-bed.ts'

describe('Kafka source', () => {
  let at: Bed
  afterEach(async () => at.source.close())

  describe('planning', () => {
    it('begins a new partition of a known table at its first record, whatever the start', async () => {
      at = bed()
      for (const partition of [0, 1]) at.kafka.produce('t', partition, [value(1), value(2), value(3)])
      const stream: SourceTable = { ...table(schema, 'stream'), start: 'latest' }
      const first = await at.source.plan([stream], new AbortController().signal)
      expect(first.initialPositions.get('t')).to.deep.equal(
        new Map([
          ['t/0', '3@0'],
          ['t/1', '3@0'],
        ]),
      )
      at.kafka.produce('t', 2, [value(9)])
      const known = { ...stream, positions: first.initialPositions.get('t')! }
      const second = await at.source.plan([known], new AbortController().signal)
      expect(second.initialPositions.get('t')).to.deep.equal(new Map([['t/2', '0@0']]))
      expect(second.splits.map(split => split.id)).to.deep.equal(['t/0', 't/1', 't/2'])
    })

    it('takes no topic whose partitions are not told for one that is read to its end', async () => {
      at = bed()
      at.kafka.produce('t', 0, [value(1)])
      at.kafka.unsettled.add('t')
      const plan = () => at.source.plan([table(schema)], new AbortController().signal)
      expect(await failure(plan())).to.be.instanceOf(TransientError)
      at.kafka.forbidden.add('t')
      expect(await failure(plan())).to.include({ code: 'SOURCE_AUTH_FAILED' })
    })

    it('begins a stream at a time', async () => {
      at = bed()
      at.kafka.produce('t', 0, [value(1), value(2), value(3)])
      // The fake takes the time for the offset.
      const stream: SourceTable = { ...table(schema, 'stream'), start: '1970-01-01T00:00:00.002Z' }
      const plan = await at.source.plan([stream], new AbortController().signal)
      expect(plan.initialPositions.get('t')).to.deep.equal(new Map([['t/0', '2@0']]))
      const wrong = at.source.plan([{ ...stream, start: 'yesterday' }], new AbortController().signal)
      expect(await failure(wrong)).to.include({ code: 'SPEC_INVALID' })
    })
  })

  describe('discovery', () => {
    it('samples topics, leaves out internal and empty ones, and only ever adds columns', async () => {
      at = bed()
      at.kafka.produce('t', 0, [value(1), value(2)])
      at.kafka.produce('__consumer_offsets', 0, [value(1)])
      at.kafka.produce('empty', 0, [])
      at.kafka.produce('text', 0, [{ value: 'plain text' }])
      const { signal } = new AbortController()
      const found = await at.source.discover(signal)
      expect(found).to.deep.equal([
        {
          name: 't',
          schema: {
            columns: [
              { name: 'id', type: { kind: 'int64' }, nullable: true },
              { name: 'name', type: { kind: 'string' }, nullable: true },
            ],
            key: [],
          },
          sampled: true,
          estimatedRows: 2,
          estimatedBytes: 2 * value(1).value.length,
        },
      ])
      const before = at.kafka.requests.length
      await at.source.discover(signal)
      expect(at.kafka.requests.length, 'nothing changed, nothing is sampled').to.equal(before)
      at.kafka.produce('t', 0, [{ value: '{"id":1.5,"more":true}' }])
      const [grown] = await at.source.discover(signal)
      expect(grown!.schema.columns.map(({ name, type }) => [name, type.kind])).to.deep.equal([
        ['id', 'int64'],
        ['name', 'string'],
        ['more', 'boolean'],
      ])
    })

    it('takes objects for structs where the DataSource says so, and only ever adds fields', async () => {
      at = bed({ spec: { jsonObjects: 'struct' } })
      const types = async (): Promise<string[]> => {
        const [found] = await at.source.discover(new AbortController().signal)
        return found!.schema.columns.map(({ type }) => typeName(type))
      }
      at.kafka.produce('t', 0, [{ value: '{"o":{"a":1},"l":[{"b":true}]}' }])
      expect(await types()).to.deep.equal(['struct<a:int64>', 'list<struct<b:boolean>>'])
      at.kafka.produce('t', 0, [{ value: '{"o":{"c":"x","a":1.5},"l":[{"d":1}]}' }])
      expect(await types()).to.deep.equal(['struct<a:int64,c:string>', 'list<struct<b:boolean,d:int64>>'])
    })

    it('is not kept from the other topics by one that cannot be read', async () => {
      at = bed()
      at.kafka.produce('t', 0, [value(1)])
      at.kafka.produce('torn', 0, [value(1)])
      at.kafka.partition('torn', 0).batches[0]![22] = 7
      const found = await at.source.discover(new AbortController().signal)
      expect(found.map(({ name }) => name)).to.deep.equal(['t'])
    })

    it('takes the key of a VirtualTable without columns, and names a key that is no column', async () => {
      const object = { name: 'events', object: 't' }
      at = bed({ tables: [{ source: object, key: ['id'] }] })
      at.kafka.produce('t', 0, [value(1)])
      const [found] = await at.source.discover(new AbortController().signal)
      expect(found!.schema.key).to.deep.equal(['id'])
      expect(found!.schema.columns[0]).to.include({ name: 'id', nullable: false })
      await at.source.close()
      at = bed({ tables: [{ source: object, key: ['nope'] }] })
      at.kafka.produce('t', 0, [value(1)])
      expect(await failure(at.source.discover(new AbortController().signal))).to.include({
        code: 'SPEC_INVALID',
      })
    })

    it('refuses a column that cannot hold what it comes from', async () => {
      const columns = [{ name: 'o', type: 'string', from: 'offset' }]
      at = bed({ tables: [{ source: { name: 'events', object: 't' }, columns }] })
      at.kafka.produce('t', 0, [value(1)])
      expect(await failure(at.source.discover(new AbortController().signal))).to.include({
        code: 'SPEC_INVALID',
      })
    })
  })

  describe('positions', () => {
    it('are compared by offset, tell lag, and go to the consumer group and Hudi Streamer', async () => {
      at = bed({ clock: hastyClock() })
      at.kafka.produce('t', 0, [value(1), value(2), value(3)])
      const plan = await planned(at.source, table(schema))
      const split = plan.splits[0]!
      expect(at.source.compare('9@5', '10@1')).to.be.lessThan(0)
      expect(await at.source.lag(split, '1@1', new AbortController().signal)).to.deep.equal({
        amount: 2,
        unit: 'records',
      })
      expect(at.source.commitMetadata('t', new Map([['t/0', '2@7']]))).to.deep.equal({
        'deltastreamer.checkpoint.key': 't,0:2',
        'streamer.checkpoint.key.v2': 't,0:2',
      })
      await at.source.acknowledge(split, '1@1')
      await at.source.acknowledge(split, '2@2')
      await at.source.teardown()
      expect(at.kafka.commits).to.deep.equal([[{ topic: 't', partition: 0, offset: 2 }]])
      expect(at.kafka.deletedGroups).to.deep.equal(['shop.clicks'])
    })
  })
})
