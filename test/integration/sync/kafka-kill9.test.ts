// The same for Kafka: an append table must hold every record once, a keyed table the newest of every key, however
// often the worker dies between reading and committing.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startKafka } from '#test/bed/kafka.ts'
import { requires } from '#test/bed/requires.ts'
import { folderLake, s3Lake } from './lakes.ts'
import { Random } from './random.ts'
import { SluiceProcess } from './sluice-process.ts'
import { hashOfWeb, Web, webColumns, webJob } from './web.ts'

const kills = 20
const rollouts = 8

interface Trouble {
  random: Random
  /** Gives both topics more partitions; resolves when producers write to them. */
  grow: () => Promise<void>
}

/** Returns the worker that runs in the end. */
type Disturb = (workers: [SluiceProcess, SluiceProcess], trouble: Trouble) => Promise<SluiceProcess>

/** Kills a worker and starts it again. */
const killed: Disturb = async ([sluice], { random }) => {
  for (let kill = 0; kill < kills; kill++) {
    sluice.start()
    await delay(300 + random.below(2200))
    await sluice.kill9()
  }
  sluice.start()
  return sluice
}

/** As a rollout does: the next worker reads from where the one before it stands, which commits on until it stops. */
const rolledOver: Disturb = async (workers, { random }) => {
  let [now, next] = workers
  now.start()
  for (let rollout = 0; rollout < rollouts; rollout++) {
    next.start()
    await delay(1500 + random.below(3000))
    await now.stop()
    ;[now, next] = [next, now]
  }
  return now
}

/** Partitions are added while a worker reads; it finds them, and dies as soon as it reads them. */
const grown: Disturb = async ([sluice], { grow }) => {
  sluice.start()
  await sluice.until(({ phase, rowsTotal }) => phase === 'streaming' && rowsTotal > 1000)
  await grow()
  for (const split of ['clicks/11', 'pages/11'])
    for (let tries = 0; !(await sluice.metrics()).includes(`split="${split}"`); tries++) {
      if (tries > 600) throw new Error(`${split} is not read after a minute: ${sluice.log.slice(-2000)}`)
      await delay(100)
    }
  await sluice.kill9()
  sluice.start()
  return sluice
}

const runs = [
  { seed: 11, lakeName: 'file', makeLake: folderLake, what: `${kills} kills`, disturb: killed },
  { seed: 12, lakeName: 'file', makeLake: folderLake, what: `${kills} kills`, disturb: killed },
  { seed: 13, lakeName: 's3', makeLake: s3Lake, what: `${kills} kills`, disturb: killed },
  { seed: 14, lakeName: 'file', makeLake: folderLake, what: `${rollouts} rollouts`, disturb: rolledOver },
  { seed: 15, lakeName: 'file', makeLake: folderLake, what: 'growth to 12 partitions', disturb: grown },
]

describe('Kafka to Hudi, the worker killed at random', () => {
  requires('kafka', 'minio', 'hudi')
  let readers: HudiReaders
  before(async () => (readers = await HudiReaders.start()))
  after(() => readers.stop())

  for (const { seed, lakeName, makeLake, what, disturb } of runs)
    it(`holds every record once and the newest of every key over ${what} (seed ${seed}, ${lakeName})`, async function () {
      this.timeout(300_000)
      const random = new Random(seed)
      const broker = await startKafka()
      const lake = await makeLake()
      const web = await Web.open(broker.brokers, random)
      const busy = new AbortController()
      const traffic = web.run(busy.signal)
      const yaml = webJob(broker.brokers[0]!, lake, '{lanes: 2}')
      const workers: [SluiceProcess, SluiceProcess] = [
        await SluiceProcess.prepare(yaml),
        await SluiceProcess.prepare(yaml),
      ]
      try {
        const sluice = await disturb(workers, { random, grow: () => web.grow(12) })
        await delay(1000)
        busy.abort()
        await traffic
        expect(web.clicks.length, 'records meanwhile').to.be.greaterThan(5000)
        await untilInStep(sluice)
        expect(await sluice.stop(), sluice.log.slice(-2000)).to.equal(0)
        // New partitions have no leader for a while: then a batch is sent again, and what of it was taken is there twice.
        const recorded = await web.recordedClicks()
        expect(new Set(recorded.map(({ id }) => id)).size, 'clicks in the topic').to.equal(web.clicks.length)
        const expected = { clicks: hashOfWeb(recorded), pages: hashOfWeb(web.pages.values()) }
        for (const [table, source] of Object.entries(expected)) {
          const { url, s3 } = lake.table(table)
          const options = { columns: webColumns, ...(s3 ? { s3 } : {}) }
          expect(await readers.hashRs(url, options), `${table} by hudi-rs`).to.deep.include(source)
          expect(await readers.hashSpark(url, options), `${table} by Spark`).to.deep.include(source)
        }
      } finally {
        busy.abort()
        await Promise.all(workers.map(worker => worker.kill9()))
        await web.close()
        await broker.stop()
        await lake.stop()
      }
    })
})

/** In step: nothing lags, twice in a row, with time for a fetch in between. */
async function untilInStep(sluice: SluiceProcess): Promise<void> {
  for (let calm = 0; calm < 4; calm++) {
    await sluice.until(
      status =>
        status.phase === 'streaming' &&
        status.tables.length === 2 &&
        status.tables.every(table => table.lagMs === 0),
      90_000,
    )
    await delay(1000)
  }
}
