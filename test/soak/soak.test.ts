// The long run: a table of a million rows under traffic, over S3, with everything going on that goes on in months.
// Workers are killed at random and replaced while the old one still runs, columns change, compaction and cleaning come
// every few seconds. At the end all readers agree with the source row by row, and what is stored is bounded.
//
//   SLUICE_SOAK_MINUTES=60 SLUICE_SOAK_ROWS=5000000 SLUICE_SOAK_SEED=7 npm run test:soak
import { expect } from 'chai'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { systemClock } from '#common/clock.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { readTimeline } from '#lake/reader/timeline-view.ts'
import { slicesBeforeWidening } from '#lake/services/widened-logs.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openStore } from '#lake/storage/open.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { RowSetHash } from '#test/bed/canonical.ts'
import { RowHash } from '#test/bed/canonical.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { requires } from '#test/bed/requires.ts'
import type { TestLake } from '#test/integration/sync/lakes.ts'
import { s3Lake } from '#test/integration/sync/lakes.ts'
import { Random } from '#test/integration/sync/random.ts'
import { SluiceProcess } from '#test/integration/sync/sluice-process.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import { addGrade, hashOfLedger, keepChanging, ledgerColumns, openLedger, widenAccount } from './ledger.ts'
import { tidyLater } from './months-later.ts'

const minutes = Number(process.env['SLUICE_SOAK_MINUTES'] ?? 5)
const rows = Number(process.env['SLUICE_SOAK_ROWS'] ?? 1_000_000)
const seed = Number(process.env['SLUICE_SOAK_SEED'] ?? 1)
const keeperProgram = fileURLToPath(new URL('./keeper.ts', import.meta.url))
const buckets = 4

function jobYaml(server: PostgresServer, lake: TestLake): string {
  return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: books}
spec:
  type: postgres
  postgres:
    host: ${server.host}
    port: ${server.port}
    database: ${server.database}
    user: {value: ${server.user}}
    password: {value: ${server.password}}
    tls: {mode: disable}
${lake.yaml}
---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: books-to-lake}
spec:
  source: {name: books}
  target: {name: lake}
  tables: [{include: public.ledger, target: {hudi: {buckets: ${buckets}}}}]
  freshness: 2s
  worker: {lanes: 2}
`
}

describe('A table over months, in minutes', () => {
  requires('postgres', 'minio', 'hudi')
  let readers: HudiReaders
  let server: PostgresServer
  let lake: TestLake
  let client: Client
  let store: ObjectStore

  before(async () => {
    readers = await HudiReaders.start()
    server = await startPostgres({ settings: { max_wal_size: '4GB' } })
    lake = await s3Lake()
    client = new Client({ connectionString: server.url })
    await client.connect()
    const { endpoint, accessKey, secretKey, region } = lake.table('ledger').s3!
    const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey }
    const s3 = { endpoint, region, pathStyle: true, credentials }
    store = await openStore(lake.table('ledger').url, { clock: systemClock, s3 })
  })
  after(async () => {
    await client?.end()
    await readers?.stop()
    await server?.stop()
    await store?.close()
    await lake?.stop()
  })

  it(`stays right and bounded for ${minutes} minutes (seed ${seed})`, async function () {
    this.timeout((minutes + 15) * 60_000)
    const random = new Random(seed)
    await openLedger(client, rows)
    const workers = new Workers(jobYaml(server, lake), lake, random)
    const busy = new AbortController()
    const traffic = await connected(server)
    const changing = keepChanging(traffic, { random: new Random(seed + 1), rows, pauseMs: 40 }, busy.signal)
    try {
      await workers.start()
      const startedAtMs = Date.now()
      const share = (): number => (Date.now() - startedAtMs) / (minutes * 60_000)
      await workers.disturbUntil(() => share() >= 0.4)
      await addGrade(client)
      await workers.disturbUntil(() => share() >= 0.6)
      await widenAccount(client)
      await workers.disturbUntil(() => share() >= 1)
      busy.abort()
      const changed = await changing
      await untilInStep(client, workers)
      await untilWidened(store)
      await workers.stop()
      await untilCleaned(store)
      await workers.endKeeper()
      console.log(`    ${changed} changes; workers: ${workers.told}`)
      await expectAgreement('at the end')
      // Two lanes, at times of two workers, that each commit about once a second; nothing leaves so young a timeline.
      await expectBounds({ timelineMax: (minutes + 1) * 120 })
      await tidyLater(store, 26)
      await expectAgreement('a day later')
      await expectBounds({ timelineMax: 60 })
    } finally {
      busy.abort()
      await workers.kill()
      await changing.catch(() => undefined)
      await traffic.end()
    }
  })

  /** Spark, hudi-rs and our reader see what the source holds. */
  async function expectAgreement(when: string): Promise<void> {
    const source = await hashOfLedger(client)
    const { url, s3 } = lake.table('ledger')
    const options = { columns: Object.keys(ledgerColumns), s3: s3! }
    expect(await hashOwn(store), `our reader, ${when}`).to.deep.equal(source)
    expect(await readers.hashRs(url, options), `hudi-rs, ${when}`).to.deep.include(source)
    expect(await readers.hashSpark(url, options), `Spark, ${when}`).to.deep.include(source)
    console.log(`    ${when}: ${source.count} rows, read alike by our reader, hudi-rs and Spark`)
  }

  async function expectBounds({ timelineMax }: { timelineMax: number }): Promise<void> {
    const { slices, files } = await TableReader.open(store)
    const timeline = (await loadTimeline(store, 2)).length
    const live = slices.flatMap(({ base, logs }) => (base ? [base, ...logs] : logs))
    const bytes = (of: readonly { sizeBytes: number }[]): number =>
      of.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    let objects = 0
    for await (const _ of store.list('')) objects++
    const [liveMib, storedMib] = [bytes(live) / 2 ** 20, bytes(files) / 2 ** 20]
    console.log(
      `    timeline ${timeline}, objects ${objects}, data files ${files.length} (${live.length} read), ` +
        `${storedMib.toFixed(0)} MiB stored, ${liveMib.toFixed(0)} MiB read`,
    )
    expect(timeline, 'instants on the timeline').to.be.at.most(timelineMax)
    expect(slices, 'file groups').to.have.length(buckets)
    expect(live.length, 'files to read').to.be.at.most(buckets * 60)
    expect(files.length, 'data files').to.be.at.most(dataFilesMax)
    expect(storedMib, 'MiB stored').to.be.at.most(6 * liveMib + 64)
    expect(objects, 'objects').to.be.at.most(files.length + 2 * timeline + 1200)
  }
})

async function hashOwn(store: ObjectStore): Promise<RowSetHash> {
  const hash = new RowHash()
  const reader = await TableReader.open(store)
  for await (const batch of reader.read({ columns: Object.keys(ledgerColumns) }))
    for (const row of canonicalRows(batch)) hash.add(row)
  return hash.result
}

async function connected(server: PostgresServer): Promise<Client> {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  return client
}

/** The most data files there may be when the services had their turn, though all of a minute ago is kept. */
const dataFilesMax = buckets * 120

/** Whether it came to hold within that time; asked every so often. */
async function within(seconds: number, everyMs: number, holds: () => Promise<boolean>): Promise<boolean> {
  for (let tries = (seconds * 1000) / everyMs; tries > 0; tries--) {
    if (await holds()) return true
    await delay(everyMs)
  }
  return false
}

/** Waits until the slot has confirmed everything written so far: all of it is then in the lake. */
async function untilInStep(client: Client, workers: Workers): Promise<void> {
  const end = (await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')).rows[0]!.lsn
  const inStep = await within(120, 100, async () => {
    const { rows: slots } = await client.query<{ done: boolean | null }>(
      'select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as done from pg_replication_slots where not temporary',
      [end],
    )
    return slots[0]!.done === true
  })
  if (!inStep) throw new Error(`not in step after 120 s: ${await workers.report()}`)
}

/**
 * Waits until nothing is left of what was logged before the column was widened: hudi-rs reads no such logs. A keeper
 * that is killed in the middle of a round keeps its turn for a minute and a half.
 */
async function untilWidened(store: ObjectStore): Promise<void> {
  const widened = await within(240, 1_000, async () => {
    const { slices, schema, config } = await TableReader.open(store)
    const timeline = await readTimeline(store, config.layout)
    return (await slicesBeforeWidening(slices, { store, timeline, schema })).length === 0
  })
  if (!widened) throw new Error('what was logged before the column was widened is not compacted after 240 s')
}

/** Waits for a round of the services after the last commit; what holds is looked at afterwards. */
async function untilCleaned(store: ObjectStore): Promise<void> {
  await within(240, 2_000, async () => (await TableReader.open(store)).files.length <= dataFilesMax)
}

/** The worker of the job, now and then two of them, and what looks after the table; all of them mortal. */
class Workers {
  readonly #yaml: string
  readonly #keeperArgs: string[]
  readonly #random: Random
  #current: SluiceProcess | null = null
  #keeper: ChildProcess | null = null
  readonly #counts = { killed: 0, replaced: 0, 'keepers killed': 0 }

  constructor(yaml: string, lake: TestLake, random: Random) {
    const { url, s3 } = lake.table('ledger')
    this.#yaml = yaml
    this.#keeperArgs = [keeperProgram, s3!.endpoint, s3!.accessKey, s3!.secretKey, url]
    this.#random = random
  }

  get told(): string {
    return Object.entries(this.#counts)
      .map(([what, count]) => `${count} ${what}`)
      .join(', ')
  }

  async start(): Promise<void> {
    this.#current = await this.#started()
    this.#startKeeper()
  }

  /** Kills and replaces until it is time. */
  async disturbUntil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await delay(2_000 + this.#random.below(10_000))
      await this.#disturb()
    }
  }

  async report(): Promise<string> {
    return `${JSON.stringify(await this.#current?.status())} ${this.#current?.log.slice(-4000)}`
  }

  async stop(): Promise<void> {
    expect(await this.#current!.stop(), this.#current!.log.slice(-2000)).to.equal(0)
  }

  async endKeeper(): Promise<void> {
    const keeper = this.#keeper!
    expect(keeper.exitCode, 'exit code of a keeper nobody killed').to.equal(null)
    keeper.kill('SIGKILL')
    await once(keeper, 'exit')
  }

  async kill(): Promise<void> {
    this.#keeper?.kill('SIGKILL')
    await this.#current?.kill9()
  }

  async #disturb(): Promise<void> {
    const drawn = this.#random.next()
    if (drawn < 0.2) {
      this.#keeper!.kill('SIGKILL')
      this.#startKeeper()
      this.#counts['keepers killed']++
    } else if (drawn < 0.65) {
      await this.#current!.kill9()
      this.#current = await this.#started()
      this.#counts.killed++
    } else {
      // A rollout: for a while there are two, and the old one ends in one way or the other.
      const old = this.#current!
      this.#current = await this.#started()
      await delay(500 + this.#random.below(3_000))
      await (this.#random.next() < 0.5 ? old.kill9() : old.stop())
      this.#counts.replaced++
    }
  }

  async #started(): Promise<SluiceProcess> {
    const worker = await SluiceProcess.prepare(this.#yaml)
    worker.start()
    return worker
  }

  #startKeeper(): void {
    this.#keeper = spawn(process.execPath, this.#keeperArgs, { stdio: ['ignore', 'ignore', 'inherit'] })
  }
}
