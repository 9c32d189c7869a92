// `sluice table show|history|read|check`: looks at a table of the lake, ours or another engine's. Only `adopt` writes.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '#common/clock.ts'
import type { SyncError } from '#common/errors.ts'
import { readHistory } from '#lake/reader/history.ts'
import { checkTable } from '#lake/reader/check-table.ts'
import type { GroupDamage } from '#lake/reader/table-reader.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { reportTable } from '#lake/reader/table-report.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { formatInstant, isInstant } from '#lake/timeline/instant.ts'
import { adopt } from './table-adopt.ts'
import { checkJson, renderCheck, renderDamage } from './table-check.ts'
import { renderHistory } from './table-history.ts'
import type { RowFormat } from './table-read.ts'
import { renderRows } from './table-read.ts'
import { renderReport } from './table-show.ts'
import { openTableStore } from './table-store.ts'
import { UsageError } from './usage-error.ts'

export const usage = `Usage: sluice table show URL [options]
       sluice table history URL [--limit N] [options]
       sluice table read URL [--columns A,B] [--as-of TIME | --from TIME [--to TIME]] [--limit N] [options]
       sluice table check URL [options]
       sluice table adopt URL [--key A,B --buckets N] [options]

show: what the table is, its columns, files and sizes, its newest commit, and where its splits stand.
history: what the newest commits did, and who they were (default: 20).
read: its rows; table is the format for people (20 rows unless --limit says otherwise), csv and json give all.
check: reads all of it and names every file that is damaged or gone; the exit code is then 1.
adopt: lets jobs write to a table that Spark or Hudi Streamer made, on from where that stopped. Nothing else may
write to it meanwhile.

      --columns A,B     these columns; Hudi's own, such as _hoodie_commit_time, may be among them
      --as-of TIME      as the table was at this instant
      --from TIME       only rows of commits that completed after this time, without deletes
      --to TIME         and not after this one
      --partitions P,Q  only partitions with these paths, or below them (dt=2026-11-24); no others are looked at
      --skip-damaged    read on past file groups that are damaged, and name them at the end; the exit code is then 1
      --limit N         no more rows, or instants, than this
      --key A,B         of a table with a key: its key columns
      --buckets N       of a table with a key: hoodie.bucket.index.num.buckets of its writers
  -o, --output FORMAT   show, history, check: text (default) or json; read: table (default), csv, or json, a row a line
      --endpoint URL    of an S3-compatible server (or AWS_ENDPOINT_URL); keys come from the environment
                        (AWS_ACCESS_KEY_ID …), a profile or a role
      --region NAME     of the bucket (or AWS_REGION)

URL is s3://bucket/path, file:///path or a path. TIME is an instant (20261124231700000) or ISO 8601 (2026-11-24T23:17Z).`

/** The command line, read. */
interface Request {
  store: ObjectStore
  output: string | undefined
  limit: number | undefined
  columns: readonly string[] | undefined
  asOf: InstantTime | undefined
  from: InstantTime | undefined
  to: InstantTime | undefined
  partitions: readonly string[] | undefined
  skipDamaged: boolean
  key: readonly string[]
  buckets: number
  /** What was passed over: told at the end. */
  damage: SyncError[]
}

const commands: Readonly<Record<string, (request: Request) => Promise<AsyncIterable<string> | string[]>>> = {
  show,
  history,
  read,
  check,
  adopt,
}

/** The exit code. @throws UsageError, and what opening and reading throw */
export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      columns: { type: 'string' },
      key: { type: 'string' },
      buckets: { type: 'string' },
      'as-of': { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      partitions: { type: 'string' },
      'skip-damaged': { type: 'boolean' },
      limit: { type: 'string' },
      output: { type: 'string', short: 'o' },
      endpoint: { type: 'string' },
      region: { type: 'string' },
    },
  })
  const [name = '', location, ...others] = positionals
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) throw new UsageError(`say what to do: ${Object.keys(commands).join(', ')}`)
  if (location === undefined || others.length > 0) throw new UsageError('give one table: its URL or path')
  refuseOptions(name, values)
  const asked: Omit<Request, 'store'> = {
    output: values.output,
    limit: count('--limit', values.limit),
    columns: values.columns?.split(',').map(column => column.trim()),
    partitions: values.partitions?.split(',').map(partition => partition.trim()),
    skipDamaged: values['skip-damaged'] === true,
    key: values.key?.split(',').map(column => column.trim()) ?? [],
    buckets: count('--buckets', values.buckets) ?? 0,
    damage: [],
    asOf: time('--as-of', values['as-of']),
    from: time('--from', values.from),
    to: time('--to', values.to),
  }
  const store = await openTableStore(location, values)
  try {
    await print(await command({ ...asked, store }))
  } finally {
    await store.close()
  }
  if (asked.skipDamaged)
    for (const line of renderDamage(asked.damage)) process.stderr.write(`sluice table: ${line}\n`)
  return asked.damage.length > 0 ? 1 : 0
}

async function show({ store, output }: Request): Promise<string[]> {
  const isJson = oneOf(output, ['text', 'json']) === 'json'
  const reader = await TableReader.open(store)
  const report = await reportTable(reader, store, systemClock.nowMs())
  return [`${isJson ? JSON.stringify(report, null, 2) : renderReport(report)}\n`]
}

async function history({ store, output, limit }: Request): Promise<string[]> {
  const isJson = oneOf(output, ['text', 'json']) === 'json'
  const entries = await readHistory(store, limit ?? 20)
  return [`${isJson ? JSON.stringify(entries, null, 2) : renderHistory(entries)}\n`]
}

async function check({ store, output, damage }: Request): Promise<string[]> {
  const isJson = oneOf(output, ['text', 'json']) === 'json'
  const found = await checkTable(store)
  damage.push(...found.damage)
  return [`${isJson ? JSON.stringify(checkJson(found), null, 2) : renderCheck(found)}\n`]
}

async function read(request: Request): Promise<AsyncIterable<string>> {
  const { store, limit, columns, asOf, from, to, partitions, skipDamaged, damage } = request
  const format = oneOf<RowFormat>(request.output, ['table', 'csv', 'json'])
  const reader = await TableReader.open(store, {
    ...(asOf === undefined ? {} : { asOf }),
    ...(partitions === undefined ? {} : { partitions }),
  })
  const query = {
    columns: columns ?? reader.schema.columns.map(({ name }) => name),
    limit: limit ?? (format === 'table' ? 20 : Infinity),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(skipDamaged ? { onDamage: ({ error }: GroupDamage) => void damage.push(error) } : {}),
  }
  return renderRows(reader, query, format)
}

const optionsOfRead = ['columns', 'as-of', 'from', 'to', 'partitions', 'skip-damaged'] as const

function refuseOptions(
  command: string,
  values: Readonly<Record<string, string | boolean | undefined>>,
): void {
  const given = (name: string): boolean => values[name] !== undefined
  if (command !== 'adopt')
    for (const name of ['key', 'buckets']) if (given(name)) throw new UsageError(`--${name} goes with adopt`)
  if (command !== 'read')
    for (const name of optionsOfRead) if (given(name)) throw new UsageError(`--${name} goes with read`)
  if ((command === 'show' || command === 'check') && given('limit'))
    throw new UsageError('--limit goes with history and read')
  if (given('as-of') && given('from')) throw new UsageError('give --as-of or --from, not both')
  if (given('to') && !given('from')) throw new UsageError('--to goes with --from; a state is --as-of')
}

/** The first one when nothing is asked for. */
function oneOf<T extends string>(output: string | undefined, formats: readonly [T, ...T[]]): T {
  if (output === undefined) return formats[0]
  const found = formats.find(format => format === output)
  if (found === undefined) throw new UsageError(`--output is ${formats.join(' or ')}`)
  return found
}

function count(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,12}$/.test(text)) throw new UsageError(`${option} is a number`)
  return Number(text)
}

/** What has no zone is UTC, as instants are. */
function time(option: string, text: string | undefined): InstantTime | undefined {
  if (text === undefined || isInstant(text)) return text
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/i.test(text) || !text.includes(':')
  const ms = /^\d{4}-\d\d-\d\d/.test(text)
    ? Date.parse(`${text.replace(' ', 'T')}${hasZone ? '' : 'Z'}`)
    : NaN
  if (Number.isNaN(ms))
    throw new UsageError(`${option} is an instant of 17 digits or an ISO 8601 time, not ${text}`)
  return formatInstant(ms)
}

/** Whoever reads may have seen enough (`| head`): then so have we. */
async function print(text: AsyncIterable<string> | string[]): Promise<void> {
  try {
    await pipeline(Readable.from(text), process.stdout, { end: false })
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EPIPE') throw error
  }
}
