import { expect } from 'chai'
import { TransientError } from '#common/errors.ts'
import { PortionByPortion, standstill } from '../portion-by-portion.ts'
import type { Bed } from './source-bed.ts'
import { bed, caughtUp, ids, planned, readUntil, schema, table, value } from './source-bed.ts'

describe('Kafka source', () => {
  let at: Bed
  afterEach(async () => at.source.close())

  describe('with limits', () => {
    it('asks a broker for a portion at a time, and tells the records that came', async () => {
      const pace = new PortionByPortion({ bytes: 300 })
      at = bed({ pace })
      for (let batch = 0; batch < 20; batch++)
        at.kafka.produce(
          't',
          0,
          Array.from({ length: 10 }, (_, row) => value(batch * 10 + row)),
        )
      const plan = await planned(at.source, table(schema))
      const chunks = await readUntil(at, plan.splits[0]!, plan.table, caughtUp)
      expect(ids(chunks)).to.have.length(200)
      for (const { request } of at.kafka.requests) {
        expect(request.bytesMax).to.equal(300)
        for (const { bytesMax } of request.partitions) expect(bytesMax).to.be.at.most(300)
      }
      expect(at.kafka.requests.length).to.be.greaterThan(15)
      await at.source.close()
      expect(pace.spent.reduce((sum, { records }) => sum + records, 0)).to.equal(200)
      expect(pace.spent.reduce((sum, { bytes }) => sum + bytes, 0)).to.be.greaterThan(200 * 10)
      expect(pace.spent, 'each portion is ended').to.have.length(pace.given)
    })

    it('gives a portion back when a fetch fails', async () => {
      const pace = new PortionByPortion({ bytes: 300 })
      at = bed({ pace })
      at.kafka.produce('t', 0, [value(1)])
      at.kafka.failures.fetch = [new TransientError('reset', { code: 'SOURCE_UNREACHABLE' })]
      const plan = await planned(at.source, table(schema))
      expect(ids(await readUntil(at, plan.splits[0]!, plan.table, caughtUp))).to.deep.equal([1n])
      expect(pace.spent[0]).to.deep.equal({ records: 0, bytes: 0 })
    })

    it('fetches nothing while nothing may be read, and ends all the same', async () => {
      at = bed({ pace: standstill })
      at.kafka.produce('t', 0, [value(1)])
      const plan = await planned(at.source, table(schema))
      const stop = new AbortController()
      setTimeout(() => stop.abort(), 100)
      for await (const chunk of at.source.read(
        plan.splits[0]!,
        [plan.table],
        { chunkBytesMax: 65_536, lingerMs: 5 },
        stop.signal,
      ))
        expect.fail(String(chunk.position))
      expect(at.kafka.requests).to.have.length(0)
    })
  })
})
