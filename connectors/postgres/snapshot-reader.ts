// Reads one page range of a table inside an imported snapshot, with COPY in binary form, or where the source has limits
// from a binary cursor: the server then sends no more than it is asked for. Rows come in page order, so a chunk that
// ends between two pages has a position from which the range can be read on.
// https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS-BINARY
import type { Clock } from '#common/clock.ts'
import { DataError, TransientError, invariant } from '#common/errors.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { ReadLimits, SourceChunk } from '../connector.ts'
import type { ReadPace } from '../read-pace.ts'
import type { MessageFramer } from './message-framer.ts'
import { quoteName, quoteText } from './names.ts'
import { PacedFetch, declareCursor } from './paced-fetch.ts'
import type { PageRange, SnapshotPosition } from './position.ts'
import { formatSnapshotPosition } from './position.ts'
import { MessageType, RawConnection } from './raw-connection.ts'
import type { RelationColumn } from './relation.ts'
import { RowBuffer } from './row-buffer.ts'
import { selectExpression } from './server-types.ts'
import type { Session } from './session.ts'

export interface SnapshotRead {
  /** The table as the job knows it, for the chunks. */
  table: string
  schema: TableSchema
  columns: readonly RelationColumn[]
  range: PageRange
  /** Sequence of every row. */
  sequence: bigint
  /** Name of the exported snapshot. */
  snapshot: string
  limits: ReadLimits
  clock: Clock
  pace: ReadPace | undefined
  onBadRecord(error: DataError): void
}

/** COPY's read-ahead is small: the server has nothing better to do than to wait for us. */
const readAheadBytes = 1024 * 1024
/** Bytes of rows between two looks at the size of the columns, at most. */
const lookBytesMax = 64 * 1024
/** A chunk this full is cut at the next page, one that is full is cut at once. */
const pageCutShare = 0.875

/** Opens the snapshot in the session, yields the range's rows, and closes. The last chunk says the range is done. */
export async function* readSnapshot(
  session: Session,
  read: SnapshotRead,
  signal: AbortSignal,
): AsyncGenerator<SourceChunk> {
  const { pace } = read
  const select = selectStatement(await openRange(session, read), read)
  if (pace !== undefined) await session.query(declareCursor(select))
  const connection = new RawConnection(session, readAheadBytes)
  const rows = pace === undefined ? wholeCopy(connection, select) : new PacedFetch(connection, pace)
  try {
    await rows.ask(signal)
    yield* receivedChunks({ connection, asked: rows, silenceMs: silenceMsMax(session, read), signal }, read)
    // In good order: the next range may have to wait until the server has forgotten this connection.
    await connection.close()
  } finally {
    rows.end()
    connection.abandon()
  }
}

/**
 * Imports the snapshot and makes sure that the relation still has the pages the range was made of. A rewritten
 * table looks empty or shuffled to an older snapshot; the lock keeps it from being rewritten while we read.
 */
async function openRange(session: Session, { range, snapshot }: SnapshotRead): Promise<string> {
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  await session.query(`SET TRANSACTION SNAPSHOT ${quoteText(snapshot)}`)
  const [found] = await session.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1`,
    [range.relation],
  )
  const expired = (): TransientError =>
    new TransientError('The table was dropped or rewritten while it was read', { code: 'SNAPSHOT_EXPIRED' })
  if (!found) throw expired()
  const from = `${quoteName(found.schema)}.${quoteName(found.name)}`
  await session.query(`LOCK TABLE ONLY ${from} IN ACCESS SHARE MODE`)
  const [now] = await session.query<{ node: string }>('SELECT pg_relation_filenode($1)::text AS node', [
    range.relation,
  ])
  if (now?.node !== String(range.fileNode)) throw expired()
  return from
}

/** Before version 14 the server reads all pages before the first one that is wanted, and says nothing meanwhile. */
function silenceMsMax({ limits }: Session, { range }: SnapshotRead): number {
  return range.end === null && range.next > 0 ? Infinity : limits.copyMs
}

function selectStatement(from: string, { columns, range }: SnapshotRead): string {
  const list = columns.map(({ name, type }) => selectExpression(quoteName(name), type))
  const bounds = [`ctid >= '(${range.next},0)'::tid`]
  if (range.end !== null) bounds.push(`ctid < '(${range.end},0)'::tid`)
  return `SELECT ${['ctid', ...list].join(', ')} FROM ONLY ${from} WHERE ${bounds.join(' AND ')}`
}

/** COPY: all rows for one question. */
function wholeCopy(connection: RawConnection, select: string): Receiving['asked'] {
  return {
    ask: () => Promise.resolve(connection.sendQuery(`COPY (${select}) TO STDOUT (FORMAT binary)`)),
    row: () => undefined,
    end: () => true,
  }
}

interface Receiving {
  connection: RawConnection
  asked: Pick<PacedFetch, 'ask' | 'row' | 'end'>
  silenceMs: number
  signal: AbortSignal
}

/**
 *   Copy   ::= header row* trailer        one message a row; header and trailer may share one
 *   header ::= "PGCOPY\n\377\r\n\0" flags:Int32 extension:Int32 Byte[extension]
 *   row    ::= fields:Int16 (6:Int32 page:Int32 item:Int16) field*       the ctid, then the columns
 *   trailer ::= -1:Int16
 *   Fetch  ::= row*
 */
async function* receivedChunks(
  { connection, asked, silenceMs, signal }: Receiving,
  read: SnapshotRead,
): AsyncGenerator<SourceChunk> {
  const { framer } = connection
  const { range } = read
  const rows = new RowBuffer(read.table, read.schema, read.columns)
  const age = new RowsAge(rows, read)
  const { chunkBytesMax, firstChunkBytesMax } = cutsOf(read.limits)
  let cutBytes = firstChunkBytesMax
  const lookBytes = Math.min(lookBytesMax, cutBytes / 8)
  let [begun, full, page, unlooked] = [read.pace !== undefined, false, range.next, 0]
  for (;;) {
    while (framer.next()) {
      if (framer.type === MessageType.errorResponse) throw connection.serverError()
      if (framer.type === MessageType.readyForQuery) {
        if (asked.end()) {
          yield chunk(rows, { done: true, consistentPoint: range.consistentPoint })
          return
        }
        full ||= age.isDue()
        await asked.ask(signal)
        continue
      }
      const at = rowStart(framer, begun)
      begun ||= framer.type === MessageType.copyData
      if (at < 0) continue
      asked.row(framer.end - at)
      const rowPage = framer.bytes.readUInt32BE(at + 6)
      // Between pages a chunk can be given a position; inside one only when it must end.
      if (rowPage !== page && full) {
        yield chunk(rows, { ...range, next: rowPage })
        cutBytes = chunkBytesMax
        full = false
      }
      page = rowPage
      appendRow(rows, framer.bytes, at + 12, read)
      unlooked += framer.end - at
      if (unlooked < lookBytes) continue
      unlooked = 0
      const bytes = rows.byteLength
      full ||= bytes >= cutBytes * pageCutShare
      if (bytes < cutBytes) continue
      yield chunk(rows, null)
      full = false
    }
    if (!connection.fill()) await connection.expect(silenceMs)
  }
}

function cutsOf(limits: ReadLimits): { chunkBytesMax: number; firstChunkBytesMax: number } {
  const { chunkBytesMax, firstChunkBytesMax = chunkBytesMax } = limits
  return { chunkBytesMax, firstChunkBytesMax: Math.min(firstChunkBytesMax, chunkBytesMax) }
}

/** How long the first of the rows has waited, where they come slowly. */
class RowsAge {
  readonly #rows: RowBuffer
  readonly #clock: Clock
  readonly #lingerMs: number
  #sinceMs: number | null = null

  constructor(rows: RowBuffer, { clock, limits }: SnapshotRead) {
    this.#rows = rows
    this.#clock = clock
    this.#lingerMs = limits.lingerMs
  }

  /** To be asked often: it knows of rows only then. */
  isDue(): boolean {
    this.#sinceMs = this.#rows.rows === 0 ? null : (this.#sinceMs ?? this.#clock.monotonicMs())
    return this.#sinceMs !== null && this.#clock.monotonicMs() - this.#sinceMs >= this.#lingerMs
  }
}

/** Where the message's row begins; −1 when it has none. */
function rowStart({ type, bytes, start, end }: MessageFramer, begun: boolean): number {
  if (type !== MessageType.copyData && type !== MessageType.dataRow) return -1
  const at = begun ? start : start + headerBytes(bytes, start)
  return at >= end || bytes.readInt16BE(at) < 0 ? -1 : at
}

function headerBytes(bytes: Buffer, at: number): number {
  invariant(bytes.toString('latin1', at, at + 6) === 'PGCOPY', 'COPY did not begin with its signature')
  return 19 + bytes.readInt32BE(at + 15)
}

function appendRow(rows: RowBuffer, bytes: Buffer, at: number, read: SnapshotRead): void {
  try {
    rows.appendCopyRow(bytes, at, read.sequence)
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    read.onBadRecord(error)
  }
}

function chunk(rows: RowBuffer, position: SnapshotPosition | null): SourceChunk {
  const changes = rows.rows === 0 ? [] : [{ table: rows.table, truncate: null, batch: rows.finish() }]
  const caughtUp = position !== null && 'done' in position
  return { changes, position: position && formatSnapshotPosition(position), newestAtMs: null, caughtUp }
}
