// How each reader answers a question, and what is recorded of it. The record lies in test/golden/readers.json;
// docs/reference/readers.md is made of it.
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import type { Answered } from '#scripts/generate/readers-page.ts'
import type { HudiVersion } from '#test/bed/cache.ts'
import type { HudiReaders, ReadOptions } from '#test/bed/hudi-readers.ts'
import { instantAfter } from '#lake/timeline/instant.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import { inOrder } from '#test/lake/table/model.ts'
import type { Question, RecordedTable } from './recorded-table.ts'
import { matrixColumns } from './recorded-table.ts'

/** In the order of the page. */
export const readerNames = [
  'Spark, Hudi 1.2.0',
  'Spark, Hudi 1.0.2',
  'Spark, Hudi 0.15.0',
  'hudi-rs 0.5.0',
  'Sluice',
] as const
export type ReaderName = (typeof readerNames)[number]

const hudiVersions: Readonly<Record<string, HudiVersion>> = {
  'Spark, Hudi 1.2.0': '1.2.0',
  'Spark, Hudi 1.0.2': '1.0.2',
  'Spark, Hudi 0.15.0': '0.15.0',
}

const columns = [...matrixColumns.map(({ name }) => name), '_sluice_seq']

/** Null: the reader has no such query, or is not asked. */
export async function ask(
  reader: ReaderName,
  question: Question,
  table: RecordedTable,
  readers: HudiReaders,
): Promise<Answered | null> {
  if (reader === 'Sluice' && question.query === 'read-optimized') return null
  // Of version 6 it reads what 1.2 reads, version 9 not at all; and every reader more takes its time.
  if (reader === 'Spark, Hudi 1.0.2' && (table.wanted.version !== 8 || table.wanted.partitionBy)) return null
  try {
    const rows = inOrder(await rowsOf(reader, question, table, readers)).map(canonicalJson)
    const wanted = inOrder(question.rows).map(canonicalJson)
    if (JSON.stringify(rows) === JSON.stringify(wanted)) return { answer: 'right', detail: null }
    const missing = wanted.filter(row => !rows.includes(row)).length
    const others = rows.filter(row => !wanted.includes(row)).length
    return { answer: 'wrong', detail: `${missing} rows missing, ${others} others` }
  } catch (error) {
    return { answer: 'refused', detail: firstWords(error) }
  }
}

function rowsOf(
  reader: ReaderName,
  { query, asOf, from }: Question,
  table: RecordedTable,
  readers: HudiReaders,
): Promise<readonly CanonicalRow[]> {
  if (reader === 'Sluice') return ownRows(table, asOf, from)
  // Hudi 1.0 takes in the commit at which a range begins.
  const begin = from !== undefined && reader === 'Spark, Hudi 1.0.2' ? instantAfter(from, 0) : from
  const options: ReadOptions = {
    columns,
    ...(asOf === undefined ? {} : { asOf }),
    ...(begin === undefined ? {} : { incrementalFrom: begin }),
    ...(query === 'read-optimized' ? { readOptimized: true } : {}),
  }
  if (reader === 'hudi-rs 0.5.0') return readers.readHudiRs(table.url, options)
  return readers.readSpark(table.url, { ...options, hudiVersion: hudiVersions[reader]! })
}

async function ownRows(table: RecordedTable, asOf?: string, from?: string): Promise<CanonicalRow[]> {
  const reader = await TableReader.open(table.store, asOf === undefined ? {} : { asOf })
  const rows: CanonicalRow[] = []
  for await (const batch of reader.read({ columns, ...(from === undefined ? {} : { from }) }))
    rows.push(...canonicalRows(batch))
  return rows
}

/** The beginning of an error, without what differs from run to run. */
function firstWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  // Behind the name of the process that said it.
  return text
    .replace(/^(Spark with Hudi [\d.]+|hudi-rs): /, '')
    .split('\n', 1)[0]!
    .replaceAll(/(file:)?\/[^\s]+/g, '…')
    .replaceAll(/\d{17}/g, '…')
    .slice(0, 160)
}
