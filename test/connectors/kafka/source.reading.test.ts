import { expect } from 'chai'
import { writeBatch, writeControl } from './batch-writer.ts'
import type { SourceChunk } from '#connectors/connector.ts'
import type { Bed } from './source-bed.ts'
import { bed, caughtUp, ids, limits, planned, readUntil, schema, table, value } from './source-bed.ts'

describe('Kafka source', () => {
  let at: Bed
  afterEach(async () => at.source.close())

  describe('reading', () => {
    it('yields every record once, over chunks and restarts, with the position after each', async () => {
      at = bed()
      for (let batch = 0; batch < 20; batch++)
        at.kafka.produce(
          't',
          0,
          Array.from({ length: 10 }, (_, row) => ({ ...value(batch * 10 + row), timestampMs: batch })),
        )
      const plan = await planned(at.source, table(schema))
      const small = { chunkBytesMax: 400, lingerMs: 5 }
      const whole = await readUntil(at, plan.splits[0]!, plan.table, caughtUp, small)
      expect(ids(whole)).to.deep.equal(Array.from({ length: 200 }, (_, id) => BigInt(id)))
      expect(whole.length).to.be.greaterThan(3)
      const sequences = whole.flatMap(chunk => chunk.changes.flatMap(({ batch }) => [...batch.sequences]))
      for (const chunk of whole.slice(0, -1)) {
        const from = { ...plan.table, positions: new Map([['t/0', chunk.position!]]) }
        const rest = await readUntil(at, plan.splits[0]!, from, caughtUp, small)
        const done = Number(/^\d+/.exec(chunk.position!)![0])
        expect(ids(rest)[0]).to.equal(BigInt(done))
        expect(ids(rest)).to.have.length(200 - done)
        // The same record has the same sequence, wherever reading began.
        expect(rest.flatMap(next => next.changes.flatMap(({ batch }) => [...batch.sequences]))).to.deep.equal(
          sequences.slice(done),
        )
      }
    })

    it('yields a small chunk first when it is asked to', async () => {
      at = bed()
      at.kafka.produce(
        't',
        0,
        Array.from({ length: 400 }, (_, row) => value(row)),
      )
      const plan = await planned(at.source, table(schema))
      const growing = { chunkBytesMax: 1 << 20, firstChunkBytesMax: 400, lingerMs: 1000 }
      const chunks = await readUntil(at, plan.splits[0]!, plan.table, caughtUp, growing)
      const rows = chunks.map(({ changes }) => changes.reduce((sum, { batch }) => sum + batch.length, 0))
      expect(rows[0]).to.be.within(1, 60)
      expect(Math.max(...rows.slice(1)), 'what follows').to.be.greaterThan(300)
      expect(ids(chunks)).to.have.length(400)
    })

    it('moves over aborted transactions and control records, and says so when it is idle', async () => {
      at = bed()
      const partition = at.kafka.partition('t', 0)
      partition.batches.push(
        writeBatch([{ offset: 0, value: '{"id":1}' }], { producerId: 7 }),
        writeControl(1, 7, 'commit'),
        writeBatch([{ offset: 2, value: '{"id":2}' }], { producerId: 7 }),
        writeControl(3, 7, 'abort'),
      )
      partition.aborted = [{ producerId: 7, firstOffset: 2 }]
      const plan = await planned(at.source, table(schema))
      const chunks = await readUntil(at, plan.splits[0]!, plan.table, caughtUp)
      expect(ids(chunks)).to.deep.equal([1n])
      expect(chunks.at(-1)!.position).to.match(/^4@/)
      const from = { ...plan.table, positions: new Map([['t/0', '2@9']]) }
      const idle = await readUntil(at, plan.splits[0]!, from, caughtUp)
      expect(idle).to.deep.equal([{ changes: [], position: '4@9', newestAtMs: null, caughtUp: true }])
    })

    it('reads a snapshot up to where the topic ended when it was planned', async () => {
      at = bed()
      at.kafka.produce('t', 0, [value(0), value(1)])
      at.kafka.produce('t', 1, [])
      const plan = await planned(at.source, table(schema, 'snapshot'))
      expect(plan.splits.map(split => [split.id, split.bounded])).to.deep.equal([['t/0', true]])
      at.kafka.produce('t', 0, [value(2)])
      const chunks = await readUntil(at, plan.splits[0]!, plan.table, () => false)
      expect(ids(chunks)).to.deep.equal([0n, 1n])
      expect(chunks.at(-1)!.position).to.match(/^2@\d+\.\.2$/)
      const done = { ...plan.table, positions: new Map([['t/0', chunks.at(-1)!.position!]]) }
      expect((await planned(at.source, done)).splits).to.deep.equal([])
      expect(await readUntil(at, plan.splits[0]!, done, () => false)).to.deep.equal([])
    })

    it('cuts a chunk when its time has come, with what there is', async () => {
      at = bed()
      at.kafka.produce('t', 0, [value(1)])
      const plan = await planned(at.source, table(schema))
      const [chunk] = await readUntil(at, plan.splits[0]!, plan.table, () => true)
      expect(chunk).to.include({ caughtUp: true, position: '1@1', newestAtMs: 0 })
    })

    it('says once that there is nothing to read, and ends when the signal aborts while it waits', async () => {
      at = bed()
      at.kafka.produce('t', 0, [])
      const plan = await planned(at.source, table(schema))
      const stop = new AbortController()
      const patient = { ...limits, lingerMs: 60_000 }
      const chunks: SourceChunk[] = []
      for await (const chunk of at.source.read(plan.splits[0]!, [plan.table], patient, stop.signal)) {
        chunks.push(chunk)
        setTimeout(() => stop.abort(), 20)
      }
      expect(chunks).to.deep.equal([{ changes: [], position: '0@0', newestAtMs: null, caughtUp: true }])
    })

    it('holds no more than one fetch ahead of a reader that does not pull', async () => {
      at = bed()
      for (let batch = 0; batch < 100; batch++) at.kafka.produce('t', 0, [value(batch)])
      const plan = await planned(at.source, table(schema))
      const stop = new AbortController()
      const tiny = { chunkBytesMax: 1, lingerMs: 5 }
      const iterator = at.source
        .read(plan.splits[0]!, [plan.table], tiny, stop.signal)
        [Symbol.asyncIterator]()
      await iterator.next()
      await new Promise(resolve => setTimeout(resolve, 50))
      expect(at.kafka.requests.length).to.be.at.most(2)
      stop.abort()
      await iterator.return!()
    })

    it('serves a partition whose batch is larger than a fetch while others have more and more', async () => {
      at = bed()
      for (let batch = 0; batch < 60; batch++) at.kafka.produce('t', 0, [value(batch)])
      at.kafka.produce('t', 1, [{ value: `{"id":1000,"name":"${'x'.repeat(1000)}"}` }])
      const plan = await planned(at.source, table(schema))
      const small = { chunkBytesMax: 100, lingerMs: 5 }
      const order: bigint[] = []
      await Promise.all(
        plan.splits.map(async split =>
          readUntil(
            at,
            split,
            plan.table,
            chunks => {
              order.push(...ids(chunks.slice(-1)))
              return caughtUp(chunks)
            },
            small,
          ),
        ),
      )
      expect(order).to.have.length(61)
      expect(order.indexOf(1000n)).to.be.lessThan(30)
    })

    it('asks a broker for all partitions in one request, and starves none', async () => {
      at = bed()
      for (let partition = 0; partition < 6; partition++)
        for (let batch = 0; batch < 30; batch++)
          at.kafka.produce('t', partition, [value(partition * 100 + batch)])
      const plan = await planned(at.source, table(schema))
      const read = await Promise.all(
        plan.splits.map(async split =>
          ids(await readUntil(at, split, plan.table, caughtUp, { chunkBytesMax: 1, lingerMs: 5 })),
        ),
      )
      for (const [partition, found] of read.entries())
        expect(found).to.deep.equal(Array.from({ length: 30 }, (_, row) => BigInt(partition * 100 + row)))
      expect(Math.max(...at.kafka.requests.map(({ request }) => request.partitions.length))).to.equal(6)
    })
  })
})
