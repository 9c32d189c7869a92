// Exactly once, shown the hard way: a real database under load, a worker killed at random moments, and the lake
// compared with the source row by row by two readers we did not write.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import { bankTables, hashOfSource, openBank } from './bank.ts'
import { bankJob, connect, keepBusy, untilInStep } from './bank-job.ts'
import { folderLake, s3Lake } from './lakes.ts'
import { Random } from './random.ts'
import { SluiceProcess } from './sluice-process.ts'

const kills = 20

const runs = [
  { seed: 1, lakeName: 'file', makeLake: folderLake },
  { seed: 2, lakeName: 'file', makeLake: folderLake },
  { seed: 3, lakeName: 's3', makeLake: s3Lake },
]

describe('PostgreSQL to Hudi, the worker killed at random', () => {
  requires('postgres', 'minio', 'hudi')
  let readers: HudiReaders
  before(async () => (readers = await HudiReaders.start()))
  after(() => readers.stop())

  for (const { seed, lakeName, makeLake } of runs)
    it(`loses nothing and doubles nothing over ${kills} kills (seed ${seed}, ${lakeName})`, async function () {
      this.timeout(300_000)
      const random = new Random(seed)
      const server = await startPostgres()
      const lake = await makeLake()
      const client = await connect(server)
      await openBank(client)
      const sluice = await SluiceProcess.prepare(bankJob(server, lake))
      const busy = new AbortController()
      const traffic = keepBusy(server, random, busy.signal)
      try {
        for (let kill = 0; kill < kills; kill++) {
          sluice.start()
          await delay(300 + random.below(2200))
          await sluice.kill9()
        }
        sluice.start()
        await delay(1000)
        busy.abort()
        const transactions = await traffic
        expect(transactions, 'transactions during the kills').to.be.greaterThan(500)
        await untilInStep(client, sluice)
        expect(await sluice.stop(), sluice.log.slice(-2000)).to.equal(0)
        for (const table of Object.keys(bankTables)) {
          const columns = Object.keys(bankTables[table]!)
          const source = await hashOfSource(client, table)
          const { url, s3 } = lake.table(table)
          const options = { columns, ...(s3 ? { s3 } : {}) }
          expect(await readers.hashRs(url, options), `${table} by hudi-rs`).to.deep.include(source)
          expect(await readers.hashSpark(url, options), `${table} by Spark`).to.deep.include(source)
        }
      } finally {
        busy.abort()
        await sluice.kill9()
        await client.end()
        await server.stop()
        await lake.stop()
      }
    })
})
