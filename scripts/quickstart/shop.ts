// The database of the quick start: a small shop with three tables, and people using it.
import type { Client } from 'pg'

const tables = `
  create table customers (
    id bigint primary key,
    name text not null,
    email text,
    balance numeric(12,2) not null,
    vip boolean not null default false,
    profile jsonb,
    joined_at timestamptz not null
  );
  create table orders (
    id bigint primary key,
    customer_id bigint not null,
    status text not null,
    total numeric(12,2) not null,
    ordered_on date not null,
    note text
  );
  create table order_lines (
    order_id bigint not null,
    line int not null,
    sku text not null,
    quantity int not null,
    price numeric(10,2) not null,
    primary key (order_id, line)
  );`

const rows = `
  insert into customers
    select n, 'Customer ' || n, case when n % 7 = 0 then null else 'c' || n || '@example.com' end, (n * 37 % 100000) / 100.0,
           n % 11 = 0, jsonb_build_object('tags', jsonb_build_array('t' || n % 5), 'visits', n % 100),
           timestamptz '2024-01-01Z' + n * interval '7 minutes 11.123456 seconds'
    from generate_series(1, 20000) n;
  insert into orders
    select n, 1 + n * 7919 % 20000, (array['new', 'paid', 'sent', 'done'])[1 + n % 4], (n * 131 % 1000000) / 100.0,
           date '2024-01-01' + n % 700, case when n % 3 = 0 then 'Leave it with the neighbour, bell ' || n end
    from generate_series(1, 40000) n;
  insert into order_lines
    select n, line, 'sku-' || (n * 31 + line) % 5000, 1 + (n + line) % 9, ((n * 17 + line * 29) % 50000) / 100.0
    from generate_series(1, 40000) n, generate_series(1, 1 + n % 4) line;`

export const shopTables: readonly { name: string; key: readonly string[] }[] = [
  { name: 'customers', key: ['id'] },
  { name: 'orders', key: ['id'] },
  { name: 'order_lines', key: ['order_id', 'line'] },
]

/** Makes and fills the tables; returns how many rows they have. */
export async function openShop(client: Client): Promise<number> {
  await client.query(tables)
  await client.query(rows)
  const counted = await client.query<{ count: string }>(
    `select (${shopTables.map(table => `(select count(*) from ${table.name})`).join(' + ')})::text as count`,
  )
  return Number(counted.rows[0]!.count)
}

export interface Traffic {
  transactions: number
  changes: number
}

/** Serves customers until the signal aborts: orders over three tables, payments, corrections, removals. */
export async function serveCustomers(client: Client, traffic: Traffic, signal: AbortSignal): Promise<void> {
  let nextOrder = 1_000_000
  const anyOf = (count: number): number => 1 + Math.floor(Math.random() * count)
  while (!signal.aborted) {
    const kind = Math.random()
    traffic.transactions++
    if (kind < 0.4) traffic.changes += await placeOrder(client, nextOrder++, anyOf(20000))
    else if (kind < 0.7)
      traffic.changes += await change(
        client,
        `update orders set status = 'paid', total = total + 1.01 where id = ${anyOf(40000)}`,
      )
    else if (kind < 0.85)
      traffic.changes += await change(
        client,
        `update customers set balance = balance - 0.5, vip = not vip where id = ${anyOf(20000)}`,
      )
    else if (kind < 0.95)
      traffic.changes += await change(client, `delete from order_lines where order_id = ${anyOf(40000)}`)
    else
      traffic.changes += await change(
        client,
        `update order_lines set line = line + 10 where order_id = ${anyOf(40000)} and line < 10`,
      )
  }
}

async function placeOrder(client: Client, order: number, customer: number): Promise<number> {
  const lines = 1 + (order % 3)
  await client.query(`
    begin;
    insert into orders values (${order}, ${customer}, 'new', ${lines * 10}.00, current_date, null);
    insert into order_lines select ${order}, line, 'sku-' || line, 1, 10.00 from generate_series(1, ${lines}) line;
    update customers set balance = balance - ${lines * 10} where id = ${customer};
    commit`)
  return lines + 2
}

async function change(client: Client, statement: string): Promise<number> {
  return (await client.query(statement)).rowCount ?? 0
}
