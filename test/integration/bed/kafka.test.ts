import { expect } from 'chai'
import { Kafka, logLevel } from 'kafkajs'

import { isAlive } from '#scripts/server-process.ts'
import { type BedKafka, startKafka } from '#test/bed/kafka.ts'
import { requires } from '#test/bed/requires.ts'

describe('bed: Kafka', () => {
  requires('kafka')

  let server: BedKafka
  let kafka: Kafka
  let held: string[]
  const warnings: string[] = []
  const onWarning = (warning: Error): number => warnings.push(warning.name)
  before(async () => {
    process.on('warning', onWarning)
    server = await startKafka({ partitionsDefault: 3 })
    kafka = new Kafka({ brokers: server.brokers, logLevel: logLevel.NOTHING })
  })
  after(async () => {
    process.off('warning', onWarning)
    await server.stop()
  })

  async function endOffsets(topic: string): Promise<string[]> {
    const admin = kafka.admin()
    await admin.connect()
    try {
      return (await admin.fetchTopicOffsets(topic)).map(({ high }) => high)
    } finally {
      await admin.disconnect()
    }
  }

  it('makes topics with the default partitions and takes messages', async () => {
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'orders' }] })
    await admin.disconnect()
    const producer = kafka.producer()
    await producer.connect()
    const messages = [0, 1, 2].map(partition => ({ partition, value: 'one' }))
    await producer.send({ topic: 'orders', acks: -1, messages })
    await producer.disconnect()
    expect(warnings, 'warnings of the client, which tests would print').to.deep.equal([])
    held = await endOffsets('orders')
    // The client may send a message again when the answer is late, so there may be more than one.
    expect(held.map(offset => Number(offset) > 0)).to.deep.equal([true, true, true])
  })

  it('keeps its messages over kill -9, and comes back on the same port', async () => {
    const killed = server.pid
    await server.kill9()
    expect(isAlive(killed)).to.equal(false)
    await server.restart()
    expect(await endOffsets('orders')).to.deep.equal(held)
  })

  it('leaves no process when it stops', async () => {
    const { pid } = server
    await server.stop()
    expect(isAlive(pid)).to.equal(false)
  })
})
