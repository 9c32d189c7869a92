// Reads one page range of a table inside an imported snapshot, with COPY in binary form. Rows come in page
// order, so a chunk that ends between two pages has a position from which the range can be read on.
// https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS-BINARY
import { DataError, TransientError, invariant } from '#common/errors.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { ReadLimits, SourceChunk } from '../connector.ts'
import { quoteName, quoteText } from './names.ts'
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
  limits: Pick<ReadLimits, 'chunkBytesMax' | 'firstChunkBytesMax'>
  onBadRecord(error: DataError): void
}

/** COPY's read-ahead is small: the server has nothing better to do than to wait for us. */
const readAheadBytes = 1024 * 1024
/** Bytes of rows between two looks at the size of the columns, at most. */
const lookBytesMax = 64 * 1024
/** A chunk this full is cut at the next page, one that is full is cut at once. */
const pageCutShare = 0.875

/** Opens the snapshot in the session, yields the range's rows, and closes. The last chunk says the range is done. */
export async function* readSnapshot(session: Session, read: SnapshotRead): AsyncGenerator<SourceChunk> {
  const from = await openRange(session, read)
  const connection = new RawConnection(session, readAheadBytes)
  try {
    connection.sendQuery(copyStatement(from, read))
    yield* copiedChunks(connection, read, silenceMsMax(session, read))
  } finally {
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

function copyStatement(from: string, { columns, range }: SnapshotRead): string {
  const list = columns.map(({ name, type }) => selectExpression(quoteName(name), type))
  const bounds = [`ctid >= '(${range.next},0)'::tid`]
  if (range.end !== null) bounds.push(`ctid < '(${range.end},0)'::tid`)
  return `COPY (SELECT ${['ctid', ...list].join(', ')} FROM ONLY ${from} WHERE ${bounds.join(' AND ')}) TO STDOUT (FORMAT binary)`
}

/**
 *   Copy   ::= header row* trailer        one message a row; header and trailer may share one
 *   header ::= "PGCOPY\n\377\r\n\0" flags:Int32 extension:Int32 Byte[extension]
 *   row    ::= fields:Int16 (6:Int32 page:Int32 item:Int16) field*       the ctid, then the columns
 *   trailer ::= -1:Int16
 */
async function* copiedChunks(
  connection: RawConnection,
  read: SnapshotRead,
  silenceMs: number,
): AsyncGenerator<SourceChunk> {
  const { framer } = connection
  const { range } = read
  const rows = new RowBuffer(read.table, read.schema, read.columns)
  const { chunkBytesMax, firstChunkBytesMax = chunkBytesMax } = read.limits
  let cutBytes = Math.min(firstChunkBytesMax, chunkBytesMax)
  const lookBytes = Math.min(lookBytesMax, cutBytes / 8)
  let [begun, full, page, unlooked] = [false, false, range.next, 0]
  for (;;) {
    while (framer.next()) {
      if (framer.type === MessageType.errorResponse) throw connection.serverError()
      if (framer.type === MessageType.readyForQuery) {
        yield chunk(rows, { done: true, consistentPoint: range.consistentPoint })
        return
      }
      if (framer.type !== MessageType.copyData) continue
      let at = framer.start
      if (!begun) at += headerBytes(framer.bytes, at)
      begun = true
      if (at >= framer.end || framer.bytes.readInt16BE(at) < 0) continue
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
      full = bytes >= cutBytes * pageCutShare
      if (bytes < cutBytes) continue
      yield chunk(rows, null)
      full = false
    }
    if (!connection.fill()) await connection.expect(silenceMs)
  }
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
