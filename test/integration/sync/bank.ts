// A PostgreSQL database that tests keep busy: two tables with every kind of change, over transactions of one and of
// both tables, with values that are easy to get wrong.
import type { Client } from 'pg'
import type { ColumnType } from '#catalog/types.ts'
import type { RowSetHash } from '#test/bed/canonical.ts'
import { canonicalRow, hashRows } from '#test/bed/canonical.ts'
import type { Random } from './random.ts'

export const bankTables: Readonly<Record<string, Readonly<Record<string, ColumnType>>>> = {
  accounts: {
    id: { kind: 'int64' },
    owner: { kind: 'string' },
    balance: { kind: 'decimal', precision: 18, scale: 4 },
    rate: { kind: 'float64' },
    active: { kind: 'boolean' },
    tags: { kind: 'list', element: { kind: 'string' } },
    profile: { kind: 'string' },
    token: { kind: 'string' },
    born: { kind: 'date' },
    seen_at: { kind: 'timestamp' },
    picture: { kind: 'bytes' },
    essay: { kind: 'string' },
  },
  postings: {
    account: { kind: 'int64' },
    number: { kind: 'int32' },
    amount: { kind: 'decimal', precision: 10, scale: 2 },
    note: { kind: 'string' },
  },
}

const accountCount = 5000

export async function openBank(client: Client): Promise<void> {
  await client.query(`
    create table accounts (
      id bigint primary key, owner text not null, balance numeric(18,4) not null, rate double precision, active boolean,
      tags text[], profile jsonb, token uuid, born date, seen_at timestamptz, picture bytea, essay text
    );
    alter table accounts alter essay set storage external;
    create table postings (account bigint not null, number int not null, amount numeric(10,2), note text, primary key (account, number));
    insert into accounts
      select n, 'owner ' || n || ' é€😀', n * 1.0001, n / 7.0::float8, n % 3 = 0, array['a' || n, null, ''], jsonb_build_object('n', n),
             md5(n::text)::uuid, date '1970-01-01' + n, timestamptz '2020-02-29 12:00:00.000001Z' + n * interval '1 microsecond',
             decode(md5(n::text), 'hex'), case when n % 10 = 0 then repeat(md5(n::text), 100) end
      from generate_series(1, ${accountCount}) n;
    insert into postings select n, line, (n * line % 1000) / 4.0, null from generate_series(1, ${accountCount}) n, generate_series(1, 3) line;`)
}

/** One random transaction. `from` must be new for every connection that ever writes: its keys start there. */
export async function moveMoney(client: Client, random: Random, from: { nextId: number }): Promise<void> {
  const account = 1 + random.below(accountCount)
  const statements = [
    () =>
      `update accounts set balance = balance + ${random.below(1000)}.25, seen_at = clock_timestamp() where id = ${account}`,
    () =>
      `update accounts set essay = ${random.next() < 0.5 ? 'null' : `repeat('${random.below(1e6)}', 900)`} where id = ${account}`,
    () => `delete from accounts where id = ${account}`,
    () =>
      `insert into accounts (id, owner, balance, tags) values (${account}, 'back again', -${account}.5, '{}') on conflict (id) do update set owner = 'was there'`,
    () =>
      `insert into accounts (id, owner, balance, rate, born) values (${from.nextId++}, repeat('x', ${random.below(50)}), 0, 'NaN', '9999-12-31')`,
    () => `update accounts set id = ${from.nextId++} where id = ${account}`,
    () => `delete from postings where account between ${account} and ${account + 3}`,
    () =>
      `insert into postings select ${from.nextId++}, line, line, 'n' from generate_series(1, ${1 + random.below(20)}) line`,
    () =>
      `update postings set amount = -amount, note = coalesce(note, '') || 'u' where account between ${account} and ${account + 20}`,
    () => `update postings set number = number + 100 where account = ${account} and number < 100`,
  ]
  const count = random.next() < 0.6 ? 1 : 2 + random.below(4)
  const chosen = Array.from({ length: count }, () => random.pick(statements)())
  const end = random.next() < 0.05 ? 'rollback' : 'commit'
  await client.query(`begin; ${chosen.join('; ')}; ${end}`)
}

/** Count and hash of what a table holds, in the form the readers of the lake are asked for. */
export async function hashOfSource(
  client: Client,
  table: string,
  types: Readonly<Record<string, ColumnType>> = bankTables[table]!,
): Promise<RowSetHash> {
  const selected = Object.entries(types).map(([name, type]) => `${selectAs(name, type)} as ${name}`)
  const { rows } = await client.query<Record<string, unknown>>(`select ${selected.join(', ')} from ${table}`)
  return hashRows(
    rows.map(row =>
      canonicalRow(
        types,
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, parsed(types[name]!, value)])),
      ),
    ),
  )
}

function selectAs(name: string, type: ColumnType): string {
  if (type.kind === 'timestamp') return `(extract(epoch from ${name}) * 1000000)::bigint`
  if (type.kind === 'boolean' || type.kind === 'bytes' || type.kind === 'list' || type.kind === 'float64')
    return name
  return `${name}::text`
}

function parsed(type: ColumnType, value: unknown): unknown {
  if (value === null || !['int32', 'int64', 'timestamp'].includes(type.kind)) return value
  const exact = BigInt(value as string)
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact
}
