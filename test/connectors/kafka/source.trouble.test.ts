import { expect } from 'chai'
import { TransientError } from '#common/errors.ts'
import type { Split } from '#connectors/connector.ts'
import { writeBatch } from './batch-writer.ts'
import type { Bed } from './source-bed.ts'
import {
  bed,
  caughtUp,
  failure,
  hastyClock,
  ids,
  planned,
  readUntil,
  schema,
  table,
  value,
} from './source-bed.ts'

describe('Kafka source', () => {
  let at: Bed
  afterEach(async () => at.source.close())

  describe('trouble', () => {
    it('goes on after a leader moved, a broker was away and metadata could not be had', async () => {
      at = bed()
      at.kafka.produce('t', 0, [value(0)])
      const plan = await planned(at.source, table(schema))
      const away = (): TransientError => new TransientError('away', { code: 'SOURCE_UNREACHABLE' })
      at.kafka.failures.fetch = [away(), away()]
      at.kafka.failures.topics = [away()]
      at.kafka.partition('t', 0).leader = 2
      let moved = false
      const chunks = await readUntil(at, plan.splits[0]!, plan.table, found => {
        if (!moved) {
          moved = true
          at.kafka.partition('t', 0).leader = 3
          at.kafka.produce('t', 0, [value(1)])
        }
        return ids(found).length === 2
      })
      expect(ids(chunks)).to.deep.equal([0n, 1n])
      expect(new Set(at.kafka.requests.map(({ node }) => node))).to.deep.equal(new Set([2, 3]))
    })

    it('gives up after half a minute, and tells why', async () => {
      at = bed({ clock: hastyClock() })
      at.kafka.produce('t', 0, [value(0)])
      const plan = await planned(at.source, table(schema))
      at.kafka.partition('t', 0).leader = -1
      const error = await failure(readUntil(at, plan.splits[0]!, plan.table, () => false))
      expect(error).to.include({ name: 'TransientError', code: 'SOURCE_UNREACHABLE' })
    })

    it('says that a topic is gone', async () => {
      at = bed({ clock: hastyClock() })
      at.kafka.produce('t', 0, [value(0)])
      const plan = await planned(at.source, table(schema))
      at.kafka.partitions.clear()
      expect(await failure(readUntil(at, plan.splits[0]!, plan.table, () => false))).to.include({
        name: 'ConfigError',
        code: 'TABLE_NOT_FOUND',
      })
      expect(await failure(at.source.plan([table(schema)], new AbortController().signal))).to.include({
        code: 'TABLE_NOT_FOUND',
      })
    })

    it('says which offset was lost, when planning and when reading', async () => {
      at = bed()
      at.kafka.produce('t', 0, [value(0), value(1), value(2)])
      const plan = await planned(at.source, table(schema))
      at.kafka.partition('t', 0).earliest = 2
      const context = { topic: 't', partition: 0, offset: 0, earliest: 2, latest: 3 }
      for (const doing of [
        () => readUntil(at, plan.splits[0]!, plan.table, () => false),
        () => at.source.plan([plan.table], new AbortController().signal),
      ]) {
        const error = await failure(doing())
        expect(error).to.include({ name: 'PositionLostError', code: 'KAFKA_OFFSET_LOST' })
        expect(error).to.have.property('context').that.deep.equals(context)
      }
      const beyond = { ...plan.table, positions: new Map([['t/0', '4@0']]) }
      expect(await failure(at.source.plan([beyond], new AbortController().signal))).to.include({
        code: 'KAFKA_OFFSET_LOST',
      })
    })

    it('says that the user may not read the topic', async () => {
      at = bed()
      at.kafka.produce('t', 0, [value(0)])
      const plan = await planned(at.source, table(schema))
      at.kafka.errorCodes.set('t/0', 29)
      expect(await failure(readUntil(at, plan.splits[0]!, plan.table, () => false))).to.include({
        code: 'SOURCE_AUTH_FAILED',
      })
    })

    it('fails one partition with an unreadable batch and no other', async () => {
      at = bed()
      at.kafka.produce('t', 1, [value(7)])
      const old = writeBatch([{ offset: 0, value: '{"id":1}' }])
      at.kafka.partition('t', 0).batches.push(old)
      const plan = await planned(at.source, table(schema))
      const split = (id: string): Split => plan.splits.find(found => found.id === id)!
      old.writeInt8(1, 16)
      const [first, second] = await Promise.allSettled([
        readUntil(at, split('t/0'), plan.table, () => false),
        readUntil(at, split('t/1'), plan.table, caughtUp),
      ])
      expect(first).to.have.property('reason').that.includes({ code: 'KAFKA_BATCH_UNREADABLE' })
      expect(second).to.have.property('value')
    })
  })
})
