import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { Operation } from '#catalog/change-batch.ts'
import type { Positions } from '#catalog/position.ts'
import type { DataError } from '#common/errors.ts'
import type { Source } from '#connectors/connector.ts'
import { type BedKafka, startKafka } from '#test/bed/kafka.ts'
import { requires } from '#test/bed/requires.ts'
import { TopicBed, discovered, openSource, plan, read } from './topic-bed.ts'

describe('Kafka source against a broker', function () {
  this.timeout(120_000)
  requires('kafka')

  let server: BedKafka
  let bed: TopicBed
  let source: Source
  const warnings: string[] = []
  const onWarning = (warning: Error): number => warnings.push(warning.name)

  before(async () => {
    server = await startKafka()
    bed = new TopicBed(server.brokers)
    await bed.open()
    process.on('warning', onWarning)
  })
  after(async () => {
    process.off('warning', onWarning)
    await bed.close()
    await server.stop()
  })
  afterEach(async () => source.close())

  function json(id: number): string {
    return JSON.stringify({ id, name: `näme "${id}"`, price: id / 4, ok: id % 2 === 0, at: { city: 'Köln' } })
  }

  it('samples the columns and yields every record of every partition once', async () => {
    await bed.createTopic('types', 4)
    const ids = Array.from({ length: 10_000 }, (_, id) => id)
    await bed.send(
      'types',
      ids.map(id => ({ key: `k${id}`, value: json(id) })),
    )
    source = await openSource({ brokers: server.brokers })
    const table = await discovered(source, 'types')
    expect(table.schema.columns.map(({ name, type }) => `${name} ${type.kind}`)).to.deep.equal([
      'id int64',
      'name string',
      'price float64',
      'ok boolean',
      'at string',
    ])
    const planned = await plan(source, table)
    const { rows, chunks } = await read(source, planned, ids.length)
    const byId = rows.map(row => row.values).toSorted((a, b) => Number((a[0] as bigint) - (b[0] as bigint)))
    expect(byId).to.deep.equal(
      ids.map(id => [BigInt(id), `näme "${id}"`, id / 4, id % 2 === 0, '{"city":"Köln"}']),
    )
    expect(Math.abs(chunks[0]!.newestAtMs! - Date.now())).to.be.lessThan(60_000)
    expect(warnings.filter(name => name === 'TimeoutNegativeWarning')).to.deep.equal([])
  })

  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'])
    it(`reads ${codec} batches of the Java client`, async () => {
      await bed.createTopic(codec, 1)
      const ids = Array.from({ length: 20_000 }, (_, id) => id)
      await bed.sendLines(codec, codec, ids.map(json))
      source = await openSource({ brokers: server.brokers })
      const { rows } = await read(source, await plan(source, await discovered(source, codec)), ids.length)
      expect(rows.map(row => row.values[0])).to.deep.equal(ids.map(BigInt))
      expect(rows.at(-1)!.values[1]).to.equal('näme "19999"')
    })

  it('shows committed transactions alone, and waits for those that are open', async () => {
    await bed.createTopic('transactions', 1)
    const producer = await bed.transactional('t1')
    const put = async (id: number, end: 'commit' | 'abort'): Promise<void> => {
      const transaction = await producer.transaction()
      await transaction.send({ topic: 'transactions', messages: [{ value: json(id) }, { value: json(id) }] })
      await transaction[end]()
    }
    await put(1, 'commit')
    await put(2, 'abort')
    await bed.send('transactions', [{ value: json(3) }])
    await put(4, 'abort')
    const other = await bed.transactional('t2')
    const open = await other.transaction()
    await open.send({ topic: 'transactions', messages: [{ value: json(5) }] })
    await bed.send('transactions', [{ value: json(6) }])

    source = await openSource({ brokers: server.brokers })
    const planned = await plan(source, await discovered(source, 'transactions'))
    const first = await read(source, planned, 3)
    expect(first.rows.map(row => row.values[0])).to.deep.equal([1n, 1n, 3n])
    const stop = AbortSignal.timeout(1000)
    const from = { ...planned.table, positions: first.positions }
    for await (const chunk of source.read(
      planned.splits[0]!,
      [from],
      { chunkBytesMax: 1024, lingerMs: 20 },
      stop,
    )) {
      expect(chunk.changes, 'nothing behind the open transaction').to.deep.equal([])
      expect(chunk.caughtUp).to.equal(true)
      first.positions.set('transactions/0', chunk.position!)
    }
    const unread = async (positions: Positions) =>
      source.unread!([{ ...planned.table, positions }], new AbortController().signal)
    expect(await unread(first.positions), 'what is not committed is nothing to read').to.equal(null)
    await open.commit()
    // The broker marks the end of the transaction a moment later.
    while ((await unread(first.positions)) === null) await delay(20)
    const rest = await read(
      source,
      { splits: planned.splits, table: { ...planned.table, positions: first.positions } },
      2,
    )
    expect(rest.rows.map(row => row.values[0])).to.deep.equal([5n, 6n])
    expect(await unread(rest.positions), 'nor is the mark at its end').to.equal(null)
    await Promise.all([producer.disconnect(), other.disconnect()])
  })

  it('takes null values as deletes, headers as columns, and bad records as the policy says', async () => {
    await bed.createTopic('keyed', 1)
    const columns = [
      { name: 'id', type: 'int64', from: 'key', nullable: false },
      { name: 'name', type: 'string' },
      { name: 'geo', type: 'string', from: 'header.geo' },
      { name: 'o', type: 'int64', from: 'offset' },
    ]
    await bed.send('keyed', [
      { key: '1', value: json(1), headers: { geo: 'de' } },
      { key: '2', value: '{"name":' },
      { key: 'x', value: json(3) },
      { key: '1', value: null },
      { key: '4', value: '{"name":null}' },
    ])
    const bad: DataError[] = []
    source = await openSource({
      brokers: server.brokers,
      tables: [{ source: { name: 'events', object: 'keyed' }, columns, key: ['id'] }],
      onBadRecord: error => bad.push(error),
    })
    const { rows, positions } = await read(source, await plan(source, await discovered(source, 'keyed')), 3)
    expect(rows.map(row => [row.operation, ...row.values])).to.deep.equal([
      [Operation.update, 1n, 'näme "1"', 'de', 0n],
      [Operation.delete, 1n, null, null, null],
      [Operation.update, 4n, null, null, 4n],
    ])
    expect(positions.get('keyed/0')).to.match(/^5@/)
    expect(bad.map(error => [error.code, error.context['offset'], error.context['column']])).to.deep.equal([
      ['RECORD_MALFORMED', 1, undefined],
      ['RECORD_MALFORMED', 2, 'id'],
    ])
  })

  it('finds partitions that are added, and orders keys that moved to them', async () => {
    await bed.createTopic('growing', 2)
    const keys = Array.from({ length: 50 }, (_, key) => `k${key}`)
    const put = async (version: number): Promise<void> =>
      bed.send(
        'growing',
        keys.map(key => ({ key, value: JSON.stringify({ key, version }) })),
      )
    await put(1)
    source = await openSource({ brokers: server.brokers })
    const planned = await plan(source, { ...(await discovered(source, 'growing')) })
    const before = await read(source, planned, keys.length)
    await bed.admin.createPartitions({ topicPartitions: [{ topic: 'growing', count: 12 }] })
    // A producer that knows of the new partitions.
    await bed.producer.disconnect()
    await bed.producer.connect()
    await put(2)
    const grown = await plan(source, { ...planned.table, positions: before.positions })
    expect(grown.splits.map(split => split.id)).to.have.length(12)
    const after = await read(source, grown, keys.length)
    expect(new Set(after.rows.map(row => row.split)).size).to.be.greaterThan(2)
    for (const key of keys) {
      const [first, second] = [before, after].map(part => part.rows.find(row => row.values[0] === key)!)
      expect(second!.values[1]).to.equal(2n)
      expect(second!.sequence > first!.sequence, key).to.equal(true)
    }
  })

  it('begins where a stream is told to, also at a time', async () => {
    await bed.createTopic('timed', 1)
    const at = (time: string): string => String(Date.parse(time))
    await bed.send('timed', [
      { value: json(1), timestamp: at('2026-01-01T00:00:00Z') },
      { value: json(2), timestamp: at('2026-02-01T00:00:00Z') },
      { value: json(3), timestamp: at('2026-03-01T00:00:00Z') },
    ])
    source = await openSource({ brokers: server.brokers })
    const table = { ...(await discovered(source, 'timed')), mode: 'stream' as const }
    for (const [start, offset] of [
      ['earliest', 0],
      ['latest', 3],
      ['2026-01-15T00:00:00Z', 1],
      ['2026-03-01T01:00:00+01:00', 2],
      ['2026-04-01T00:00:00Z', 3],
    ] as const)
      expect((await plan(source, { ...table, start })).table.positions.get('timed/0'), start).to.equal(
        `${offset}@0`,
      )
  })

  it('says that records it has not read were removed', async () => {
    await bed.createTopic('short', 1)
    await bed.send(
      'short',
      Array.from({ length: 10 }, (_, id) => ({ value: json(id) })),
    )
    source = await openSource({ brokers: server.brokers })
    const planned = await plan(source, await discovered(source, 'short'))
    // kafkajs removes records of topics it has heard of.
    await bed.admin.fetchTopicOffsets('short')
    await bed.admin.deleteTopicRecords({ topic: 'short', partitions: [{ partition: 0, offset: '6' }] })
    const lost = { topic: 'short', partition: 0, offset: 0, earliest: 6, latest: 10 }
    for (const doing of [() => read(source, planned, 1), () => plan(source, planned.table)]) {
      const error = await doing().then(
        () => null,
        (thrown: unknown) => thrown,
      )
      expect(error).to.include({ name: 'PositionLostError', code: 'KAFKA_OFFSET_LOST' })
      expect(error).to.have.property('context').that.deep.equals(lost)
    }
  })

  it('writes what the target holds into a consumer group, and removes the group with the job', async () => {
    await bed.createTopic('told', 1)
    await bed.send('told', [{ value: json(1) }, { value: json(2) }])
    source = await openSource({ brokers: server.brokers })
    const planned = await plan(source, await discovered(source, 'told'))
    const split = planned.splits[0]!
    const { signal } = new AbortController()
    expect(await source.lag(split, '0@0', signal)).to.deep.equal({ amount: 2, unit: 'records' })
    await source.acknowledge(split, '2@9')
    await source.close()
    const group = { groupId: 'shop.clicks', topics: ['told'] }
    expect((await bed.admin.fetchOffsets(group))[0]!.partitions[0]!.offset).to.equal('2')
    source = await openSource({ brokers: server.brokers })
    await source.teardown(signal)
    await source.teardown(signal)
    expect((await bed.admin.listGroups()).groups.map(({ groupId }) => groupId)).not.to.include('shop.clicks')
  })

  it('goes on where it was after the broker was killed and came back', async () => {
    await bed.createTopic('killed', 3)
    const send = async (from: number, to: number): Promise<void> => {
      const ids = Array.from({ length: to - from }, (_, at) => from + at)
      await bed.send(
        'killed',
        ids.map(id => ({ key: String(id), value: json(id) })),
      )
    }
    await send(0, 20_000)
    source = await openSource({ brokers: server.brokers })
    const planned = await plan(source, await discovered(source, 'killed'))
    const reading = read(source, planned, 30_000, { chunkBytesMax: 16 * 1024, lingerMs: 20 })
    await server.kill9()
    await server.restart()
    await send(20_000, 30_000)
    const { rows } = await reading
    const ids = rows.map(row => Number(row.values[0])).toSorted((a, b) => a - b)
    expect(ids).to.deep.equal(Array.from({ length: 30_000 }, (_, id) => id))
  })
})
