// `sluice table read`: rows of a table of the lake, as they are written out: a batch at a time, so that a table of any
// size streams through. Only the view for people is held as a whole, since its columns are as wide as their widest cell.
import type { Column } from '#catalog/types.ts'
import type { RowBatch } from '#lake/reader/slice-reader.ts'
import type { ReadOptions, TableReader } from '#lake/reader/table-reader.ts'
import { cellText, csvRow, csvText, jsonRow } from './row-text.ts'
import { textTable } from './text-table.ts'

export type RowFormat = 'json' | 'csv' | 'table'

export interface RowQuery extends ReadOptions {
  columns: readonly string[]
  /** Rows at most; Infinity: all. */
  limit: number
}

/** The rows as text in pieces of whole lines. */
export function renderRows(reader: TableReader, query: RowQuery, format: RowFormat): AsyncGenerator<string> {
  if (format === 'table') return tableText(reader, query)
  return format === 'json' ? linesText(reader, query, jsonRow) : csvOf(reader, query)
}

async function* csvOf(reader: TableReader, query: RowQuery): AsyncGenerator<string> {
  yield `${query.columns.map(csvText).join(',')}\n`
  yield* linesText(reader, query, csvRow)
}

const linesAtOnce = 1000

async function* linesText(
  reader: TableReader,
  query: RowQuery,
  line: (columns: RowBatch['columns'], row: number) => string,
): AsyncGenerator<string> {
  for await (const { columns, rows } of limited(reader, query))
    for (let from = 0; from < rows; from += linesAtOnce) {
      let text = ''
      for (let row = from; row < Math.min(rows, from + linesAtOnce); row++) text += `${line(columns, row)}\n`
      yield text
    }
}

async function* tableText(reader: TableReader, query: RowQuery): AsyncGenerator<string> {
  const rows: string[][] = []
  // One row more than is shown tells whether there are more.
  for await (const batch of limited(reader, { ...query, limit: query.limit + 1 }))
    for (let row = 0; row < batch.rows; row++)
      rows.push(batch.columns.map(({ vector }) => cellText(vector, row)))
  const heads = query.columns.map(name => ({ title: name, right: isNumeric(reader, name) }))
  yield `${textTable(heads, rows.slice(0, query.limit)).join('\n')}\n`
  if (rows.length > query.limit) yield `… more rows than ${query.limit}: see --limit\n`
}

/** No more rows than asked for: of the last batch the first ones. */
async function* limited(reader: TableReader, query: RowQuery): AsyncGenerator<RowBatch> {
  let left = query.limit
  if (left === 0) return
  for await (const { columns, rows } of reader.read(query)) {
    yield { columns, rows: Math.min(rows, left) }
    left -= rows
    if (left <= 0) return
  }
}

function isNumeric(reader: TableReader, name: string): boolean {
  const type: Column['type'] | undefined = reader.schema.columns.find(column => column.name === name)?.type
  return ['int32', 'int64', 'float32', 'float64', 'decimal'].includes(type?.kind ?? '')
}
