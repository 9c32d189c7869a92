// `npm run quickstart`: a real PostgreSQL with a small shop, kept in step with a Hudi lake while customers use it,
// then compared row by row. Everything lives under .sluice/quickstart and on loopback; `--keep` leaves it running.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import type { WorkerStatus } from '#api/worker-status.ts'
import type { PostgresServer } from './embedded-postgres.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { freePort } from './free-port.ts'
import type { LakeReader, TableVerdict } from './quickstart/compare.ts'
import { compareShop, hudiRsReader } from './quickstart/compare.ts'
import { writeManifests } from './quickstart/manifests.ts'
import { ownReader } from './quickstart/own-reader.ts'
import { pythonWithHudi } from './quickstart/python.ts'
import type { Traffic } from './quickstart/shop.ts'
import { openShop, serveCustomers, shopTables } from './quickstart/shop.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const home = join(root, '.sluice', 'quickstart')
const lake = join(home, 'lake')
const trafficMs = 20_000
const say = (text: string): void => console.log(text)

async function quickstart(keep: boolean): Promise<boolean> {
  await rm(home, { recursive: true, force: true })
  say('1. A PostgreSQL server with a shop of three tables')
  const shop = await startEmbeddedPostgres()
  let sync: ChildProcess | null = null
  const client = await connect(shop)
  try {
    say(`   ${(await openShop(client)).toLocaleString('en-US')} rows at ${shop.url}`)
    const manifests = await writeManifests(join(home, 'manifests'), shop, lake)
    const port = await freePort()
    say(`\n2. sluice run ${manifests.map(path => `-f ${path.slice(root.length)}`).join(' ')}`)
    sync = startSync(manifests, port)
    const traffic = await useTheShop(shop, sync)
    say(
      `\n3. ${traffic.transactions.toLocaleString('en-US')} transactions changed ${traffic.changes.toLocaleString('en-US')} rows meanwhile; waiting for the lake to have them all`,
    )
    await untilInStep(client, port, sync)
    const python = pythonWithHudi(join(root, '.sluice'))
    const { reader, name } = await chooseReader(python)
    say(`\n4. Comparing source and lake row by row, the lake read by ${name}`)
    const equal = printVerdict(await compareShop(client, reader))
    await printWhereabouts()
    if (keep) await keepRunning(shop)
    return equal
  } finally {
    await stopSync(sync)
    await client.end()
    await shop.stop()
  }
}

async function connect(shop: PostgresServer): Promise<Client> {
  const client = new Client({ connectionString: shop.url })
  await client.connect()
  return client
}

function startSync(manifests: readonly string[], port: number): ChildProcess {
  const files = manifests.flatMap(path => ['-f', path])
  const main = join(root, 'cli', 'main.ts')
  return spawn(process.execPath, [main, 'run', ...files, '--port', String(port)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

/** Customers come at once, while the snapshot is still being read, and stay for a while. */
async function useTheShop(shop: PostgresServer, sync: ChildProcess): Promise<Traffic> {
  const traffic = { transactions: 0, changes: 0 }
  const closing = AbortSignal.any([AbortSignal.timeout(trafficMs), whenExited(sync)])
  const client = await connect(shop)
  await serveCustomers(client, traffic, closing)
  await client.end()
  return traffic
}

function whenExited(child: ChildProcess): AbortSignal {
  const exited = new AbortController()
  child.once('exit', () => exited.abort())
  return exited.signal
}

/** What the slot has confirmed is in the lake: waits until that is everything written so far. */
async function untilInStep(client: Client, port: number, sync: ChildProcess): Promise<void> {
  const end = (await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')).rows[0]!.lsn
  for (let tries = 0; tries < 300; tries++) {
    if (sync.exitCode !== null) throw new Error(`sluice run ended with exit code ${sync.exitCode}`)
    const confirmed = await client.query<{ done: boolean | null }>(
      `select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as done from pg_replication_slots where slot_type = 'logical' and not temporary`,
      [end],
    )
    if (confirmed.rows[0]!.done === true) return
    await delay(200)
  }
  const status = (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as WorkerStatus
  throw new Error(`the lake did not catch up within a minute: ${JSON.stringify(status)}`)
}

async function chooseReader(
  finding: ReturnType<typeof pythonWithHudi>,
): Promise<{ reader: LakeReader; name: string }> {
  const { python, why } = await finding
  if (python !== null) return { reader: hudiRsReader(python, lake), name: 'hudi-rs (which is not ours)' }
  return { reader: ownReader(lake), name: `our own reader, since hudi-rs could not be had (${why})` }
}

function printVerdict(verdicts: readonly TableVerdict[]): boolean {
  for (const { table, sourceRows, lakeRows, differences } of verdicts) {
    const verdict = differences.length === 0 ? 'equal' : 'DIFFERENT'
    say(
      `   ${table.padEnd(12)} source ${String(sourceRows).padStart(7)}   lake ${String(lakeRows).padStart(7)}   ${verdict}`,
    )
    for (const difference of differences) say(`      ${difference}`)
  }
  const equal = verdicts.every(verdict => verdict.differences.length === 0)
  say(
    equal
      ? '\n   Every row of the source is in the lake, once, with the same values.'
      : '\n   The lake differs from the source: this is a bug.',
  )
  return equal
}

async function printWhereabouts(): Promise<void> {
  const [first] = shopTables
  await writeFile(join(home, 'README.txt'), `Made by npm run quickstart. The lake: ${lake}\n`)
  say(`
   The tables lie in ${lake}. Open them with
     Spark      spark.read.format("hudi").load("file://${lake}/${first!.name}")      (Hudi 1.0 or newer)
     hudi-rs    HudiTableBuilder.from_base_uri("${lake}/${first!.name}").build().read(HudiReadOptions())`)
}

async function keepRunning(shop: PostgresServer): Promise<void> {
  say(`\n   Still running; change something: psql ${shop.url}\n   Ctrl-C stops everything.`)
  await new Promise<void>(resolve => process.once('SIGINT', () => resolve()).once('SIGTERM', () => resolve()))
}

async function stopSync(sync: ChildProcess | null): Promise<void> {
  if (sync === null || sync.exitCode !== null) return
  const exited = new Promise(resolve => sync.once('exit', resolve))
  sync.kill('SIGTERM')
  await exited
}

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } })
const startedAtMs = performance.now()
const equal = await quickstart(values.keep).catch((error: unknown) => {
  console.error(`\nThe quick start failed: ${error instanceof Error ? error.message : String(error)}`)
  return false
})
say(`\n   ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s in all.`)
process.exitCode = equal ? 0 : 1
