// A consistent view of the database that other connections can import by name, and the place in the log it
// shows. A temporary replication slot makes the pair: everything committed before its consistent point is in
// the snapshot, everything after it will be in the log. The view is then handed to a plain transaction, which
// keeps it open without holding a slot.
// https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-CREATE-REPLICATION-SLOT
import { invariant } from '#common/errors.ts'
import { parseLsn } from './lsn.ts'
import { quoteName, quoteText } from './names.ts'
import type { ServerAccess } from './session.ts'
import { Session } from './session.ts'

export class ExportedSnapshot {
  readonly name: string
  readonly consistentPoint: bigint
  readonly #holder: Session

  private constructor(name: string, consistentPoint: bigint, holder: Session) {
    this.name = name
    this.consistentPoint = consistentPoint
    this.#holder = holder
  }

  /**
   * `forStream`: the log will be read from the consistent point on. Otherwise no slot is needed, and the point
   * only orders the rows.
   */
  static async take(
    access: ServerAccess,
    forStream: boolean,
    temporarySlot: string,
    signal: AbortSignal,
  ): Promise<ExportedSnapshot> {
    const holder = await openHolder(access, signal)
    try {
      await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      const consistentPoint = forStream
        ? await importFromSlot(holder, access, temporarySlot, signal)
        : await currentPoint(holder)
      const [exported] = await holder.query<{ name: string }>('SELECT pg_export_snapshot() AS name')
      return new ExportedSnapshot(exported!.name, consistentPoint, holder)
    } catch (error) {
      await holder.close()
      throw error
    }
  }

  /** False when the connection that holds the view is gone, and the view with it. */
  async isAlive(): Promise<boolean> {
    try {
      await this.#holder.query('SELECT 1')
      return true
    } catch {
      return false
    }
  }

  /** In good order: the next one may have to wait until the server has forgotten this connection. */
  async close(): Promise<void> {
    await this.#holder.close()
  }
}

/** It outlives the call that takes the snapshot, which may be given up until it is open. */
async function openHolder(access: ServerAccess, signal: AbortSignal): Promise<Session> {
  const closing = new AbortController()
  const onAbort = (): void => closing.abort(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    signal.throwIfAborted()
    return await Session.open(access, closing.signal, { use: 'snapshot' })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function importFromSlot(
  holder: Session,
  access: ServerAccess,
  slot: string,
  signal: AbortSignal,
): Promise<bigint> {
  const replication = await Session.open(access, signal, { replication: true })
  try {
    // The slot waits for every transaction now running; with a time limit a busy server might never give one.
    await replication.query('SET lock_timeout = 0')
    const [created] = await replication.waitFor<{ consistent_point: string; snapshot_name: string }>(
      `CREATE_REPLICATION_SLOT ${quoteName(slot)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`,
    )
    invariant(created, 'CREATE_REPLICATION_SLOT gave no row')
    await holder.query(`SET TRANSACTION SNAPSHOT ${quoteText(created.snapshot_name)}`)
    return parseLsn(created.consistent_point)
  } finally {
    await replication.close()
  }
}

/** Where the server's log is now. */
export async function currentPoint(session: Session): Promise<bigint> {
  const [row] = await session.query<{ lsn: string }>(
    'SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text AS lsn',
  )
  return parseLsn(row!.lsn)
}
