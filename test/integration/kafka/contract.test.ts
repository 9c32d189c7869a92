// The contract of a source, kept by topics of a real broker.
import type { Source } from '#connectors/connector.ts'
import { type BedKafka, startKafka } from '#test/bed/kafka.ts'
import { requires } from '#test/bed/requires.ts'
import { describeSource } from '#test/contract/source.ts'
import { TopicBed, openSource } from './topic-bed.ts'

describe('Kafka against the contract', () => {
  requires('kafka')

  let server: BedKafka
  let bed: TopicBed
  let topics = 0

  before(async () => {
    server = await startKafka()
    bed = new TopicBed(server.brokers)
    await bed.open()
  })
  after(async () => {
    await bed.close()
    await server.stop()
  })

  for (const key of [[], ['id']])
    describeSource(`A topic ${key.length > 0 ? 'with' : 'without'} a key`, async () => {
      const table = `topic-${topics++}`
      await bed.createTopic(table, 1)
      const columns = [
        { name: 'id', type: 'string', nullable: false },
        { name: 'pad', type: 'string' },
        { name: 'offset', type: 'int64', from: 'offset' },
      ]
      const sources: Source[] = []
      return {
        table,
        idColumn: 'id',
        open: async () => {
          const declared = { source: { name: 'events', object: table }, columns, key }
          const source = await openSource({ brokers: server.brokers, tables: [declared] })
          sources.push(source)
          return source
        },
        append: async ids =>
          bed.send(
            table,
            ids.map(id => ({ key: id, value: JSON.stringify({ id, pad: 'x'.repeat(200) }) })),
          ),
        end: async () => {
          await Promise.all(sources.map(async source => source.close()))
        },
      }
    })
})
