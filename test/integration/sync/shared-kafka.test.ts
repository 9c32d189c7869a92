// Three workers share the partitions of two topics, which become more, and are killed, stopped and left without a master: an
// append table must hold every record once, a keyed table the newest of every key. At the end a new set of workers reads
// the topic of the append table again.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startKafka } from '#test/bed/kafka.ts'
import { requires } from '#test/bed/requires.ts'
import { folderLake } from './lakes.ts'
import { Random } from './random.ts'
import { hashOfWeb, Web, webColumns, webJob } from './web.ts'
import { WorkerFleet } from './worker-fleet.ts'

const partitions = { clicks: 8, pages: 4 }
const partitionsLater = { clicks: 10, pages: 6 }
const kills = 6

describe('Kafka to Hudi by three workers', () => {
  requires('kafka', 'hudi-rs')
  let readers: HudiReaders
  before(async () => (readers = await HudiReaders.start()))
  after(() => readers.stop())

  it('holds every record once and the newest of every key, while workers and the master die', async function () {
    this.timeout(400_000)
    const random = new Random(21)
    const broker = await startKafka()
    const lake = await folderLake()
    const web = await Web.open(broker.brokers, random, partitions)
    const yaml = (spec = ''): string => webJob(broker.brokers[0]!, lake, '{lanes: 1, bufferSize: 32Mi}', spec)
    const fleet = await WorkerFleet.open(yaml())
    const busy = new AbortController()
    const traffic = web.run(busy.signal)
    const isShared =
      (...sizes: number[]) =>
      async () =>
        (await fleet.shares()).join() === sizes.join()
    try {
      for (let workers = 0; workers < 3; workers++) await fleet.start()
      say('shared by three', await fleet.until('shared by three', isShared(4, 4, 4)))

      await fleet.lose([...fleet.workers][1]!)
      say('one lost, its partitions read by the others', await fleet.until('shared by two', isShared(6, 6)))
      await fleet.start()
      say('another one has its share', await fleet.until('shared by three again', isShared(4, 4, 4)))

      await web.grow(partitionsLater.clicks, partitionsLater.pages)
      for (let kill = 0; kill < kills; kill++) {
        const { process } = [...fleet.workers][random.below(3)]!
        await process.kill9()
        await delay(random.below(1500))
        process.start()
        await delay(random.below(4000))
      }
      say('all shared after kills', await fleet.until('all shared after kills', isShared(5, 5, 6)))

      const held = await fleet.readers()
      const { port } = fleet.master
      await fleet.master.stop()
      await delay(12_000)
      const before = await fleet.rows()
      await fleet.until('rows without a master', async () => (await fleet.rows()) > before + 1000)
      await fleet.master.start(2, port)
      await delay(12_000)
      expect(await fleet.readers(), 'a new master moves nothing').to.deep.equal(held)

      const stopping = fleet.stop([...fleet.workers][0]!)
      say(
        'one stopped, its partitions read by the others',
        await fleet.until('shared by two', isShared(8, 8)),
      )
      expect(await stopping).to.equal(0)

      busy.abort()
      await traffic
      expect(web.clicks.length, 'records meanwhile').to.be.greaterThan(5000)
      await untilInStep(fleet, 2)
      for (const worker of fleet.workers) expect(await fleet.stop(worker), worker.process.log).to.equal(0)
      const recorded = await web.recordedClicks()
      expect(new Set(recorded.map(({ id }) => id)).size, 'clicks in the topic').to.equal(web.clicks.length)
      const expected = { clicks: hashOfWeb(recorded), pages: hashOfWeb(web.pages.values()) }
      const isAsSource = async (): Promise<void> => {
        for (const [table, source] of Object.entries(expected)) {
          const found = await readers.hashRs(lake.table(table).url, { columns: webColumns })
          expect(found, table).to.deep.include(source)
        }
      }
      await isAsSource()

      await fleet.change(yaml('  resync: {id: again, tables: [clicks]}\n'))
      for (let workers = 0; workers < 3; workers++) await fleet.start()
      await fleet.until('shared by three, to read again', isShared(5, 5, 6))
      await untilInStep(fleet, 3)
      expect(await fleet.rows(), 'rows read again').to.equal(recorded.length)
      await isAsSource()
    } finally {
      busy.abort()
      await traffic
      await fleet.close()
      await web.close()
      await broker.stop()
      await lake.stop()
    }
  })
})

/** Several looks in a row, with time for a fetch in between. */
async function untilInStep(fleet: WorkerFleet, workers: number): Promise<void> {
  for (let calm = 0; calm < 4; calm++) {
    await fleet.until('in step', async () => {
      const statuses = await fleet.statuses()
      return (
        statuses.length === workers &&
        statuses.every(({ phase, lagMs }) => phase === 'streaming' && lagMs === 0)
      )
    })
    await delay(1_000)
  }
}

function say(what: string, ms: number): void {
  console.log(`      ${what}: ${(ms / 1000).toFixed(1)} s`)
}
