// Fetches a row from the table itself. When an update gives a row a new key and leaves its unchanged TOAST
// values out of the log, no one but the table can say what they are: the target has them under the old key.
// The values may be newer than the log is; then the log brings the same values again.
import type { LoggedTable } from './log-assembler.ts'
import { quoteName } from './names.ts'
import { printedExpression } from './server-types.ts'
import type { Session } from './session.ts'
import { Tuple, TupleKind } from './tuple.ts'

/** The row with the key of `row`, as printed text; null when there is none any more. */
export async function fetchRow(session: Session, table: LoggedTable, row: Tuple): Promise<Tuple | null> {
  const [found] = await session.query<{ from: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS from FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname || '.' || c.relname = $1`,
    [table.name],
  )
  if (!found) return null
  const list = table.columns.map(({ name }, index) => `${printedExpression(quoteName(name))} AS "${index}"`)
  const keys = table.schema.key.map(key => table.columns.findIndex(column => column.name === key))
  const where = keys.map((column, index) => `${quoteName(table.columns[column]!.name)} = $${index + 1}`)
  const values = keys.map(column => {
    const value = row.bytes.subarray(row.starts[column], row.ends[column])
    return row.kinds[column] === TupleKind.binary ? value : value.toString()
  })
  const [current] = await session.query<Record<string, string | null>>(
    `SELECT ${list.join(', ')} FROM ${found.from} WHERE ${where.join(' AND ')}`,
    values,
  )
  return current ? textTuple(list.map((_, index) => current[index] ?? null)) : null
}

function textTuple(values: readonly (string | null)[]): Tuple {
  const parts: Buffer[] = [Buffer.from([values.length >> 8, values.length & 0xff])]
  for (const value of values) {
    if (value === null) {
      parts.push(Buffer.from([TupleKind.null]))
      continue
    }
    const text = Buffer.from(value)
    const header = Buffer.alloc(5)
    header[0] = TupleKind.text
    header.writeInt32BE(text.length, 1)
    parts.push(header, text)
  }
  const tuple = new Tuple()
  tuple.read(Buffer.concat(parts), 0)
  return tuple
}
