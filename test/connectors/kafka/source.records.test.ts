import { expect } from 'chai'
import { Operation } from '#catalog/change-batch.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { SourceChunk } from '#connectors/connector.ts'
import type { Bed } from './source-bed.ts'
import { bed, caughtUp, failure, ids, planned, readUntil, schema, table, value } from './source-bed.ts'

describe('Kafka source', () => {
  let at: Bed
  afterEach(async () => at.source.close())

  describe('bad records', () => {
    const records = [
      value(1),
      { value: '{"id":2,"name"' },
      value(3),
      { value: '{"name":"x"}' },
      value('1e30'),
      value(6),
    ]

    it('are counted and left out under skip', async () => {
      at = bed({ policy: 'skip' })
      at.kafka.produce('t', 0, records)
      const plan = await planned(at.source, table(schema))
      const chunks = await readUntil(at, plan.splits[0]!, plan.table, caughtUp)
      expect(ids(chunks)).to.deep.equal([1n, 3n, 6n])
      expect(at.bad.map(error => [error.code, error.context])).to.deep.equal([
        ['RECORD_MALFORMED', { topic: 't', partition: 0, offset: 1 }],
        ['RECORD_MALFORMED', { topic: 't', partition: 0, offset: 3, column: 'id' }],
        ['VALUE_OUT_OF_RANGE', { topic: 't', partition: 0, offset: 4, column: 'id' }],
      ])
      for (const error of at.bad) expect(error.message).not.to.include('1e30')
    })

    it('end the read under fail, after the rows before them', async () => {
      at = bed()
      at.kafka.produce('t', 0, records)
      const plan = await planned(at.source, table(schema))
      const chunks: SourceChunk[] = []
      const error = await failure(
        readUntil(at, plan.splits[0]!, plan.table, found => {
          chunks.splice(0, Infinity, ...found)
          return false
        }),
      )
      expect(ids(chunks)).to.deep.equal([1n])
      expect(chunks[0]!.position).to.match(/^1@/)
      expect(error).to.include({ name: 'DataError', code: 'RECORD_MALFORMED' })
    })
  })

  describe('keyed tables', () => {
    const keyed: TableSchema = { ...schema, key: ['id'] }

    async function operations(
      tables: object[],
      wanted: TableSchema,
      records: object[],
    ): Promise<[number, unknown][]> {
      at = bed({ tables, policy: 'skip' })
      at.kafka.produce('t', 0, records as never)
      const plan = await planned(at.source, table(wanted))
      const chunks = await readUntil(at, plan.splits[0]!, plan.table, caughtUp)
      const found = ids(chunks)
      const codes = chunks.flatMap(chunk => chunk.changes.flatMap(({ batch }) => [...batch.operations!]))
      return codes.map((code, row) => [code, found[row]])
    }

    it('take a value as an update and a null value as a delete of the row the key names', async () => {
      const records = [
        { key: '1', ...value(1) },
        { key: '1', value: null },
        { key: 'x', value: null },
        { value: null },
      ]
      expect(await operations([], keyed, records)).to.deep.equal([
        [Operation.update, 1n],
        [Operation.delete, 1n],
      ])
      expect(at.bad.map(error => [error.code, error.context['offset']])).to.deep.equal([
        ['RECORD_MALFORMED', 2],
        ['RECORD_MALFORMED', 3],
      ])
    })

    it('take key columns from members of the key', async () => {
      const columns = [
        { name: 'id', type: 'int64', from: 'key.id', nullable: false },
        { name: 'name', type: 'string' },
      ]
      const declared = { source: { name: 'events', object: 't' }, columns, key: ['id'] }
      const records = [
        { key: '{"id":5}', value: '{"name":"x"}' },
        { key: '{"id":5}', value: null },
      ]
      expect(await operations([declared], keyed, records)).to.deep.equal([
        [Operation.update, 5n],
        [Operation.delete, 5n],
      ])
    })

    it('refuse a delete when several key columns come from the value', async () => {
      const both = { ...schema, key: ['id', 'name'] }
      expect(
        await operations([], both, [
          { key: '1', ...value(1) },
          { key: '1', value: null },
        ]),
      ).to.deep.equal([[Operation.update, 1n]])
      expect(at.bad[0]).to.include({ code: 'RECORD_MALFORMED' })
    })

    it('refuse a row whose key is null, whatever the column says', async () => {
      const nullable = { ...keyed, columns: schema.columns.map(column => ({ ...column, nullable: true })) }
      expect(await operations([], nullable, [{ value: '{"name":"x"}' }, value(2)])).to.deep.equal([
        [Operation.update, 2n],
      ])
    })
  })

  describe('an append table', () => {
    it('has only inserts, and a row of nulls for a null value', async () => {
      at = bed()
      const open = { ...schema, columns: schema.columns.map(column => ({ ...column, nullable: true })) }
      at.kafka.produce('t', 0, [value(1), { key: 'k', value: null }])
      const plan = await planned(at.source, table(open))
      const [chunk] = await readUntil(at, plan.splits[0]!, plan.table, caughtUp)
      const { batch } = chunk!.changes[0]!
      expect(batch).to.include({ length: 2, operations: null })
      expect(batch.columns.map(column => column.nullCount)).to.deep.equal([1, 1])
    })

    it('takes columns from key, headers, offset, partition and timestamp', async () => {
      const columns = [
        { name: 'user', type: 'string', from: 'key' },
        { name: 'city', type: 'string', from: 'value.at.city' },
        { name: 'geo', type: 'string', from: 'header.geo' },
        { name: 'n', type: 'int32', from: 'header.n' },
        { name: 'raw', type: 'bytes', from: 'value' },
        { name: 'o', type: 'int64', from: 'offset' },
        { name: 'p', type: 'int32', from: 'partition' },
        { name: 'ts', type: 'timestamp', from: 'timestamp' },
      ]
      at = bed({ tables: [{ source: { name: 'events', object: 't' }, columns }] })
      const json = '{"at":{"city":"Köln"}}'
      at.kafka.produce('t', 3, [
        {
          key: 'ünal',
          value: json,
          timestampMs: 1234,
          headers: [
            ['geo', 'de'],
            ['n', '42'],
          ],
        },
        { key: null, value: json, timestampMs: 1235 },
      ])
      const [found] = await at.source.discover(new AbortController().signal)
      const plan = await planned(at.source, table(found!.schema))
      const [chunk] = await readUntil(at, plan.splits[0]!, plan.table, caughtUp)
      const row = chunk!.changes[0]!.batch.columns.map(column =>
        column.layout === 'binary'
          ? Buffer.from(column.data.subarray(0, column.offsets[1])).toString()
          : column.layout === 'int64' || column.layout === 'int32'
            ? column.values[0]
            : null,
      )
      expect(row).to.deep.equal(['ünal', 'Köln', 'de', 42, json, 0n, 3, 1_234_000n])
      expect(chunk!.changes[0]!.batch.columns.map(column => column.nullCount)).to.deep.equal([
        1, 0, 1, 1, 0, 0, 0, 0,
      ])
      expect(chunk!.newestAtMs).to.equal(1235)
    })
  })
})
