// The table of the soak: many rows, changed as real tables are, a few rows often and most rarely (Zipf), with deletes,
// keys that come back, and columns that change while all this goes on.
import type { Client } from 'pg'
import type { ColumnType } from '#catalog/types.ts'
import type { RowSetHash } from '#test/bed/canonical.ts'
import { canonicalRow, RowHash } from '#test/bed/canonical.ts'
import type { Random } from '#test/integration/sync/random.ts'

/** As the table ends: `account` was an int before, `grade` was not there. */
export const ledgerColumns: Readonly<Record<string, ColumnType>> = {
  id: { kind: 'int64' },
  account: { kind: 'int64' },
  amount: { kind: 'decimal', precision: 12, scale: 2 },
  note: { kind: 'string' },
  grade: { kind: 'int32' },
}

export async function openLedger(client: Client, rows: number): Promise<void> {
  await client.query(
    'create table ledger (id bigint primary key, account int not null, amount numeric(12,2), note text)',
  )
  await client.query(
    `insert into ledger select n, n % 1000, (n % 100000) / 100.0, 'note ' || n from generate_series(1, $1::int) n`,
    [rows],
  )
  await client.query('vacuum analyze ledger')
}

export async function addGrade(client: Client): Promise<void> {
  await client.query('alter table ledger add column grade int')
}

export async function widenAccount(client: Client): Promise<void> {
  await client.query('alter table ledger alter column account type bigint')
}

const updatesPerTransaction = 200

/** Transactions until the signal aborts; returns how many rows they changed. */
export async function keepChanging(
  client: Client,
  { random, rows, pauseMs }: { random: Random; rows: number; pauseMs: number },
  signal: AbortSignal,
): Promise<number> {
  let changed = 0
  let gone: number[] = []
  for (let nextId = rows + 1; !signal.aborted; nextId += 20) {
    const updated = drawIds(random, rows, updatesPerTransaction)
    const deleted = drawIds(random, rows, 20)
    await client.query('begin')
    changed += await rowsOf(
      client,
      'update ledger set amount = amount + 1, account = account + 1, note = left(note, 40) || $2 where id = any($1)',
      [updated, String.fromCharCode(97 + random.below(26))],
    )
    changed += await rowsOf(client, 'delete from ledger where id = any($1)', [deleted])
    changed += await rowsOf(
      client,
      `insert into ledger (id, account, note) select id, 0, 'back' from unnest($1::bigint[]) id on conflict (id) do nothing`,
      [gone],
    )
    changed += await rowsOf(
      client,
      'insert into ledger (id, account, amount) select n, 1, 1 from generate_series($1::bigint, $1 + 19) n',
      [nextId],
    )
    await client.query('commit')
    gone = deleted
    await new Promise(resolve => setTimeout(resolve, pauseMs))
  }
  return changed
}

/** How many rows the statement changed. */
async function rowsOf(client: Client, text: string, values: readonly unknown[]): Promise<number> {
  return (await client.query(text, [...values])).rowCount ?? 0
}

/** Ids by a Zipf law: the k-th in 1/k of the draws. Neighbours in rank lie far apart. */
function drawIds(random: Random, rows: number, count: number): number[] {
  const ids = new Set<number>()
  for (let draw = 0; draw < count; draw++) {
    const rank = Math.floor(Math.exp(random.next() * Math.log(rows)))
    ids.add(1 + ((rank * 7919) % rows))
  }
  return [...ids]
}

const pageRows = 50_000

/** Count and hash of what the source holds. */
export async function hashOfLedger(client: Client): Promise<RowSetHash> {
  const hash = new RowHash()
  for (let after = 0; ;) {
    const { rows } = await client.query<Record<string, unknown>>(
      'select id, account, amount::text, note, grade from ledger where id > $1 order by id limit $2',
      [after, pageRows],
    )
    for (const { id, account, ...rest } of rows)
      hash.add(canonicalRow(ledgerColumns, { id: Number(id), account: Number(account), ...rest }))
    if (rows.length < pageRows) return hash.result
    after = Number(rows.at(-1)!['id'])
  }
}
