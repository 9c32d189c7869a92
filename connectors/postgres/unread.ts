// Whether the log has changes of the job's tables that the target does not hold: the server decodes it from where the
// slot stands, as for a reader, and nothing is taken out of it. What it would take long to look through is left to a
// worker, who also lets the server forget it.
// https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION-TABLE
import { SyncError } from '#common/errors.ts'
import type { SourceTable } from '../connector.ts'
import { parseLsn } from './lsn.ts'
import type { ServerNames } from './names.ts'
import { quoteName } from './names.ts'
import { LogMessage } from './pgoutput.ts'
import { isSnapshotSplit, isSweepSplit, logSplitId, parseSnapshotPosition, sweptBefore } from './position.ts'
import { requireSlot } from './replication-setup.ts'
import type { Session } from './session.ts'

export interface LookLimits {
  /** More log than this is not looked through, nor held back for a job that reads nothing. */
  heldBytesMax: number
  /** A transaction comes as a whole, so a large one may take long to look at. */
  lookMs: number
  /** Messages, after which no further transaction is looked at. Up to PostgreSQL 14 empty ones have two each. */
  messagesMax: number
}

const usualLimits: LookLimits = { heldBytesMax: 256 * 1024 * 1024, lookMs: 15_000, messagesMax: 20_000 }

const changes = [LogMessage.insert, LogMessage.update, LogMessage.delete, LogMessage.truncate]

/** What there is to read, as a sentence; null: nothing. @throws PositionLostError PG_SLOT_LOST */
export async function unreadChanges(
  session: Session,
  { slot, publication }: ServerNames,
  tables: readonly SourceTable[],
  limits: LookLimits = usualLimits,
): Promise<string | null> {
  const uncopied = tables.find(isUncopied)
  if (uncopied) return `Not all rows of ${uncopied.name} are copied.`
  const positions = tables.flatMap(({ positions: held }) => held.get(logSplitId) ?? []).map(parseLsn)
  if (positions.length === 0) return null
  const least = positions.reduce((a, b) => (b < a ? b : a))
  await requireSlot(session, slot, least)
  return (
    (await heldLog(session, slot, limits.heldBytesMax)) ??
    waitingChanges(session, { slot, publication }, limits)
  )
}

/** The table is new to the target, or a part of it is still to be copied. */
function isUncopied({ positions, mode }: SourceTable): boolean {
  if (mode !== 'snapshot' && !positions.has(logSplitId)) return true
  return [...positions].some(([split, position]) => {
    if (isSweepSplit(split)) return sweptBefore(position) !== null
    return isSnapshotSplit(split) && !('done' in parseSnapshotPosition(position))
  })
}

/** Whether the server keeps more log for the slot than it should have to: much of it, or much of what it may keep. */
async function heldLog(session: Session, slot: string, heldBytesMax: number): Promise<string | null> {
  const [held] = await session.query<{ bytes: number; left: number | null }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::float8 AS bytes,
       (to_jsonb(s) ->> 'safe_wal_size')::float8 AS left
     FROM pg_replication_slots s WHERE slot_name = $1`,
    [slot],
  )
  const { bytes = 0, left = null } = held ?? {}
  if (bytes <= heldBytesMax && bytes <= (left ?? Infinity)) return null
  const megabytes = Math.floor(bytes / 1024 / 1024)
  return `The server keeps ${megabytes} MiB of its log for the slot ${slot}; a worker lets it go.`
}

async function waitingChanges(
  session: Session,
  { slot, publication }: ServerNames,
  { lookMs, messagesMax }: LookLimits,
): Promise<string | null> {
  await session.query(`SET statement_timeout = ${lookMs}`)
  try {
    const [seen] = await session.query<{ messages: number; changes: number }>(
      `SELECT count(*)::int AS messages, (count(*) FILTER (WHERE get_byte(data, 0) = ANY ($3)))::int AS changes
       FROM pg_logical_slot_peek_binary_changes($1, NULL, $2, 'proto_version', '1', 'publication_names', $4)
       WHERE octet_length(data) > 0`,
      [slot, messagesMax, changes, quoteName(publication)],
    )
    const { changes: found } = seen!
    if (found > 0) return `At least ${found} ${found === 1 ? 'change waits' : 'changes wait'} in the log.`
    return seen!.messages < messagesMax ? null : 'There are too many transactions in the log to look through.'
  } catch (error) {
    if (isTimeout(error)) return 'There is too much in the log to look through.'
    throw error
  }
}

/** The server gave up the query at `lookMs`. */
function isTimeout(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (!(at instanceof SyncError) && (at as { code?: unknown }).code === '57014') return true
  return false
}
