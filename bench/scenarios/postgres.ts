// PostgreSQL into the lake: the snapshot of 1 M rows of about 560 bytes, and changes of a keyed table, first a
// backlog drained, then a steady rate with the age of each commit.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'
import type { Result } from '../report.ts'
import { SluiceRun } from '../sluice-run.ts'
import { postgresJob } from './manifests.ts'

const snapshotRows = 1_000_000
const drainChanges = 600_000
const steadyRate = 20_000

export async function fillCart(client: Client): Promise<void> {
  await client.query(
    `
    create table cart (
      id bigint primary key, customer text not null, email text, total numeric(12,2) not null, items jsonb not null,
      created_at timestamptz not null, token uuid not null, paid boolean not null, quantity int not null, weight double precision,
      country text not null, note text
    );
    insert into cart
      select n, 'customer number ' || n, 'c' || n || '@example.com', (n % 1000000) / 100.0,
        jsonb_build_array(jsonb_build_object('sku', 'sku-' || n % 5000, 'qty', n % 9, 'name', repeat('item ', 8)), jsonb_build_object('sku', 'sku-' || n % 4999, 'qty', 1, 'name', repeat('thing ', 8))),
        timestamptz '2024-01-01Z' + n * interval '1.000123 seconds', md5(n::text)::uuid, n % 2 = 0, n % 100, n / 3.0,
        (array['DE', 'FR', 'US', 'JP'])[1 + n % 4], repeat(md5(n::text), 6)
      from generate_series(1, ${snapshotRows}) n;
    vacuum analyze cart`
      .split(';')
      .slice(0, 2)
      .join(';'),
  )
  await client.query('vacuum analyze cart')
}

export async function postgresScenarios(
  server: PostgresServer,
  minutes: number,
  onResult: (result: Result) => void,
): Promise<void> {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  await fillCart(client)
  for (const lanes of [1, 2]) await snapshot(server, lanes, onResult)
  await dropSlots(client)
  await client.query('drop table cart')
  await changes(server, client, minutes, onResult)
  await client.end()
}

async function snapshot(
  server: PostgresServer,
  lanes: number,
  onResult: (result: Result) => void,
): Promise<void> {
  const lake = await mkdtemp(join(tmpdir(), 'sluice-bench-lake-'))
  const run = await SluiceRun.start(
    postgresJob(server, lake, { lanes, freshness: '5s', table: '{include: public.cart}' }),
  )
  try {
    onResult({
      scenario: 'PostgreSQL snapshot, ~560 B',
      engine: `Sluice, ${lanes} lane${lanes > 1 ? 's' : ''}`,
      note: '',
      ...(await run.untilRows(snapshotRows)),
    })
  } finally {
    await run.stop()
    await rm(lake, { recursive: true, force: true })
  }
}

async function changes(
  server: PostgresServer,
  client: Client,
  minutes: number,
  onResult: (result: Result) => void,
): Promise<void> {
  await client.query(
    `create table ledger (id bigint primary key, account int not null, amount numeric(12,2) not null, note text, at timestamptz not null)`,
  )
  await client.query(
    `insert into ledger select n, n % 1000, n / 100.0, 'note ' || n, now() from generate_series(1, 100000) n`,
  )
  const lake = await mkdtemp(join(tmpdir(), 'sluice-bench-lake-'))
  const yaml = postgresJob(server, lake, { lanes: 1, freshness: '5s', table: '{include: public.ledger}' })
  try {
    const first = await SluiceRun.start(yaml)
    await first.untilRows(100_000)
    await untilStreaming(first)
    await first.stop()
    for (let done = 0; done < drainChanges; done += 1000) await client.query(change(done, 1000))
    const drain = await SluiceRun.start(yaml)
    onResult({
      scenario: 'PostgreSQL changes → keyed, drain',
      engine: 'Sluice, 1 lane',
      note: '',
      ...(await drain.untilRows(1).then(() => untilConfirmed(client, drain))),
    })
    await steady(client, drain, minutes, onResult)
    await drain.stop()
  } finally {
    await dropSlots(client)
    await rm(lake, { recursive: true, force: true })
  }
}

async function untilStreaming(run: SluiceRun): Promise<void> {
  while ((await run.status())?.phase !== 'streaming') await delay(100)
  await delay(2000)
}

/** Half updates, a quarter each of inserts and of deletes of what was inserted; `count` changes in one transaction. */
function change(start: number, count: number): string {
  const quarter = count / 4
  const from = 200_000 + start
  return `
    begin;
    update ledger set amount = amount + 1, at = now() where id between ${1 + ((start * 7) % 90_000)} and ${((start * 7) % 90_000) + quarter * 2};
    insert into ledger select n, n % 1000, n / 100.0, 'new ' || n, now() from generate_series(${from}, ${from + quarter - 1}) n;
    delete from ledger where id between ${from} and ${from + quarter - 1};
    commit`
}

/** Until everything written so far is in the lake. Rows are counted as changes of the source, not as what was left of them. */
async function untilConfirmed(
  client: Client,
  run: SluiceRun,
): Promise<Awaited<ReturnType<SluiceRun['untilRows']>>> {
  const startedAt = performance.now()
  const end = (await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')).rows[0]!.lsn
  for (;;) {
    const { rows } = await client.query<{ done: boolean }>(
      'select bool_and(confirmed_flush_lsn >= $1::pg_lsn) as done from pg_replication_slots where not temporary',
      [end],
    )
    if (rows[0]!.done) break
    await delay(50)
  }
  const measured = await run.untilRows(1)
  const wallSeconds = measured.wallSeconds
  return {
    ...measured,
    rows: drainChanges,
    steadyRowsPerSecond: Number.NaN,
    firstRowsSeconds: Math.max(0, wallSeconds - (performance.now() - startedAt) / 1000),
  }
}

async function steady(
  client: Client,
  run: SluiceRun,
  minutes: number,
  onResult: (result: Result) => void,
): Promise<void> {
  const before = await run.cost()
  const startedAtMs = performance.now()
  const seconds = Math.round(minutes * 60)
  let done = 0
  for (let second = 0; second < seconds; second++) {
    for (let part = 0; part < 10; part++) {
      await client.query(change(1_000_000 + done, steadyRate / 10))
      done += steadyRate / 10
      const aheadMs = startedAtMs + (done / steadyRate) * 1000 - performance.now()
      if (aheadMs > 0) await delay(aheadMs)
    }
  }
  const wallSeconds = (performance.now() - startedAtMs) / 1000
  const { cpuSeconds, peakRssMib } = await run.cost()
  const p99 = quantile(await run.metrics(), 0.99)
  onResult({
    scenario: `PostgreSQL changes, ${steadyRate.toLocaleString('en-US')}/s for ${minutes} min`,
    engine: 'Sluice, 1 lane',
    rows: done,
    wallSeconds,
    firstRowsSeconds: 0,
    steadyRowsPerSecond: done / wallSeconds,
    cpuSeconds: cpuSeconds - before.cpuSeconds,
    peakRssMib,
    note: `p99 freshness ≤ ${p99} s`,
  })
}

/** The least bucket bound of the freshness histogram that holds this share of the commits. */
function quantile(metrics: string, share: number): string {
  const buckets = [
    ...metrics.matchAll(/sluice_freshness_seconds_bucket\{(?:[^}]*,)?le="([^"]+)"[^}]*\} (\d+)/g),
  ].map(([, bound, count]) => ({ bound: bound!, count: Number(count) }))
  const total = buckets.at(-1)?.count ?? 0
  return buckets.find(({ count }) => count >= total * share)?.bound ?? '–'
}

async function dropSlots(client: Client): Promise<void> {
  await delay(500)
  await client.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active')
}
