// Compares the shop with the lake, row by row: every value as text, rows matched by primary key.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Client } from 'pg'
import { shopTables } from './shop.ts'

export interface TableVerdict {
  table: string
  sourceRows: number
  lakeRows: number
  /** Descriptions of the first rows that differ; empty when all are equal. */
  differences: string[]
}

type Row = (string | null)[]

/** `readLake` yields the rows of a lake table with these columns, values as text. */
export type LakeReader = (table: string, columns: readonly string[]) => AsyncIterable<Row>

export async function compareShop(client: Client, readLake: LakeReader): Promise<TableVerdict[]> {
  const verdicts: TableVerdict[] = []
  for (const { name, key } of shopTables) {
    const columns = await columnsOf(client, name)
    const keyAt = key.map(column => columns.findIndex(one => one.name === column))
    const identity = (row: Row): string => JSON.stringify(keyAt.map(at => row[at]))
    const source = new Map((await sourceRows(client, name, columns)).map(row => [identity(row), row]))
    verdicts.push(
      await compareTable(
        name,
        source,
        identity,
        readLake(
          name,
          columns.map(column => column.name),
        ),
      ),
    )
  }
  return verdicts
}

async function compareTable(
  table: string,
  source: Map<string, Row>,
  identity: (row: Row) => string,
  lake: AsyncIterable<Row>,
): Promise<TableVerdict> {
  const verdict: TableVerdict = { table, sourceRows: source.size, lakeRows: 0, differences: [] }
  const unseen = new Set(source.keys())
  const differ = (what: string): void => {
    if (verdict.differences.length < 5) verdict.differences.push(what)
  }
  for await (const row of lake) {
    verdict.lakeRows++
    const id = identity(row)
    const expected = source.get(id)
    if (!expected) differ(`${id} is only in the lake`)
    else if (!unseen.delete(id)) differ(`${id} is in the lake twice`)
    else if (JSON.stringify(expected) !== JSON.stringify(row))
      differ(`${id}: source ${JSON.stringify(expected)}, lake ${JSON.stringify(row)}`)
  }
  for (const id of unseen) differ(`${id} is missing in the lake`)
  return verdict
}

async function columnsOf(client: Client, table: string): Promise<{ name: string; type: string }[]> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, null) as type from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [table],
  )
  return rows
}

async function sourceRows(
  client: Client,
  table: string,
  columns: readonly { name: string; type: string }[],
): Promise<Row[]> {
  const select = columns.map(({ name, type }) =>
    type.startsWith('timestamp') ? `(extract(epoch from ${name}) * 1000000)::bigint::text` : `${name}::text`,
  )
  const { rows } = await client.query<Row>({
    text: `select ${select.join(', ')} from ${table}`,
    rowMode: 'array',
  })
  return rows
}

/** Reads with hudi-rs in a Python process. */
export function hudiRsReader(python: string, lake: string): LakeReader {
  return async function* read(table, columns) {
    const script = fileURLToPath(new URL('./read-lake.py', import.meta.url))
    const child = spawn(python, [script, `${lake}/${table}`, ...columns], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = new Promise<number | null>((resolve, reject) =>
      child.once('error', reject).once('exit', resolve),
    )
    for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as Row
    const code = await exited
    if (code !== 0) throw new Error(`hudi-rs could not read ${table}: exit code ${code}`)
  }
}
