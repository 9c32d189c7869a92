// What a job makes at the server: a publication of just its tables, and a slot that keeps the log for it. All of
// it can be repeated, and is undone by teardown.
import type { Clock } from '#common/clock.ts'
import { ConfigError, PositionLostError } from '#common/errors.ts'
import { formatLsn, parseLsn } from './lsn.ts'
import type { ServerNames } from './names.ts'
import { quoteName, quoteText } from './names.ts'
import type { Relation } from './relation.ts'
import type { Session } from './session.ts'

export interface Slot {
  /** The log before this is gone for the slot. */
  confirmed: bigint
  active: boolean
}

interface SlotRow {
  plugin: string | null
  database: string | null
  confirmed: string | null
  status: string | null
  active: boolean
}

/** The slot's state; null when there is none. @throws PositionLostError when the server gave it up */
export async function readSlot(session: Session, name: string): Promise<Slot | null> {
  const [row] = await session.query<SlotRow>(
    `SELECT plugin::text, database::text, confirmed_flush_lsn::text AS confirmed, active,
       to_jsonb(s) ->> 'wal_status' AS status
     FROM pg_replication_slots s WHERE slot_name = $1`,
    [name],
  )
  if (!row) return null
  const [here] = await session.query<{ database: string }>('SELECT current_database()::text AS database')
  if (row.plugin !== 'pgoutput' || row.database !== here?.database)
    throw new ConfigError(`The replication slot ${name} is not a pgoutput slot of this database`, {
      code: 'PG_SLOT_CONFLICT',
      context: { slot: name, plugin: row.plugin, database: row.database },
    })
  if (row.status === 'lost' || row.confirmed === null) throw slotLost(name, 'the server has invalidated it')
  return { confirmed: parseLsn(row.confirmed), active: row.active }
}

/** Checks that the log can be read on from `from`. @throws PositionLostError PG_SLOT_LOST */
export async function requireSlot(session: Session, name: string, from: bigint): Promise<Slot> {
  const slot = await readSlot(session, name)
  if (!slot) throw slotLost(name, 'it does not exist')
  if (slot.confirmed > from)
    throw slotLost(
      name,
      `it begins at ${formatLsn(slot.confirmed)}, after the stored position ${formatLsn(from)}`,
    )
  return slot
}

/** Makes the slot. That waits for every transaction now running, so it may take long; a time limit would never let it end. */
export async function createSlot(session: Session, name: string): Promise<Slot> {
  await session.query('SET lock_timeout = 0')
  const [row] = await session.waitFor<{ lsn: string }>(
    `SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput')`,
    [name],
  )
  return { confirmed: parseLsn(row!.lsn), active: false }
}

function slotLost(slot: string, why: string): PositionLostError {
  return new PositionLostError(`The replication slot ${slot} cannot be read on from: ${why}`, {
    code: 'PG_SLOT_LOST',
    context: { slot },
  })
}

/** A table to publish. */
export interface PublishedTable {
  relation: Relation
  /** True when the target has a position in the log for it: it was published all the time, or changes are missing. */
  isStreamed: boolean
}

/**
 * Makes the publication have these tables. One that we made has no others; one that people made is only read,
 * and must have them all.
 * @throws PositionLostError PG_PUBLICATION_LOST when a streamed table is not in it any more
 */
export async function ensurePublication(
  session: Session,
  name: string,
  job: string,
  tables: readonly PublishedTable[],
): Promise<void> {
  const [found] = await session.query<{ ours: boolean; viaRoot: boolean }>(
    `SELECT coalesce(obj_description(oid, 'pg_publication') = $2, false) AS ours, pubviaroot AS "viaRoot"
     FROM pg_publication WHERE pubname = $1`,
    [name, ownerMark(job)],
  )
  if (found && !found.ours) return requirePublished(session, name, found.viaRoot, tables)
  const published = await session.query<{ oid: number; name: string }>(
    `SELECT r.prrelid::int8::float8 AS oid, r.prrelid::regclass::text AS name
     FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = $1`,
    [name],
  )
  const has = new Set(published.map(table => table.oid))
  const missing = tables.filter(({ relation }) => !has.has(relation.oid))
  requireNeverLeft(name, missing)
  if (!found) return createPublication(session, name, job, missing)
  const wanted = new Set(tables.map(({ relation }) => relation.oid))
  const surplus = published.filter(table => !wanted.has(table.oid))
  if (missing.length > 0)
    await session.query(`ALTER PUBLICATION ${quoteName(name)} ADD TABLE ${tableList(missing)}`)
  if (surplus.length > 0)
    await session.query(
      `ALTER PUBLICATION ${quoteName(name)} DROP TABLE ${surplus.map(table => table.name).join(', ')}`,
    )
}

/** A streamed table leaves the publication when it is dropped and made again, or when people take it out. */
function requireNeverLeft(publication: string, missing: readonly PublishedTable[]): void {
  const left = missing.filter(({ isStreamed }) => isStreamed).map(({ relation }) => relation.name)
  if (left.length === 0) return
  throw new PositionLostError(
    `${left.join(', ')} left the publication ${publication}: changes since then are missing`,
    {
      code: 'PG_PUBLICATION_LOST',
      context: { publication, tables: left.join(', ') },
    },
  )
}

async function createPublication(
  session: Session,
  name: string,
  job: string,
  tables: readonly PublishedTable[],
): Promise<void> {
  const [server] = await session.query<{ version: number }>(
    "SELECT current_setting('server_version_num')::int AS version",
  )
  const options = ['publish_via_partition_root = true']
  if (server!.version >= 180_000) options.push('publish_generated_columns = stored')
  await session.query('BEGIN')
  await session.query(
    `CREATE PUBLICATION ${quoteName(name)} FOR TABLE ${tableList(tables)} WITH (${options.join(', ')})`,
  )
  await session.query(`COMMENT ON PUBLICATION ${quoteName(name)} IS ${quoteText(ownerMark(job))}`)
  await session.query('COMMIT')
}

/** A publication people made, maybe FOR ALL TABLES or of a schema, must tell all changes of every table, all rows and columns. */
async function requirePublished(
  session: Session,
  name: string,
  viaRoot: boolean,
  tables: readonly PublishedTable[],
): Promise<void> {
  const published = await session.query<{ name: string; columns: number | null }>(
    `SELECT schemaname || '.' || tablename AS name, jsonb_array_length(to_jsonb(t) -> 'attnames') AS columns
     FROM pg_publication_tables t JOIN pg_publication p USING (pubname)
     WHERE pubname = $1 AND pubinsert AND pubupdate AND pubdelete AND pubtruncate AND to_jsonb(t) ->> 'rowfilter' IS NULL`,
    [name],
  )
  const columns = new Map(published.map(table => [table.name, table.columns ?? Infinity]))
  const untold = tables
    .map(({ relation }) => relation)
    .filter(
      relation =>
        (columns.get(relation.name) ?? 0) < relation.columns.length || (relation.partitioned && !viaRoot),
    )
  if (untold.length === 0) return
  throw new ConfigError(
    `The publication ${name} was not made by this job and does not publish all changes of ${untold.map(table => table.name).join(', ')}`,
    { code: 'PG_SLOT_CONFLICT', context: { publication: name } },
  )
}

/** Drops slot and publication, the slot also when a connection still reads it. */
export async function dropReplication(
  session: Session,
  names: ServerNames,
  job: string,
  clock: Clock,
): Promise<void> {
  await dropSlot(session, names.slot, clock)
  const [ours] = await session.query(
    `SELECT 1 FROM pg_publication WHERE pubname = $1 AND obj_description(oid, 'pg_publication') = $2`,
    [names.publication, ownerMark(job)],
  )
  if (ours) await session.query(`DROP PUBLICATION IF EXISTS ${quoteName(names.publication)}`)
}

/** Makes room for a new slot where the server has given this one up, and no table is read on from it. */
export async function dropLostSlot(session: Session, name: string, clock: Clock): Promise<void> {
  const [lost] = await session.query(
    `SELECT 1 FROM pg_replication_slots s
     WHERE slot_name = $1 AND plugin = 'pgoutput' AND database = current_database()
       AND to_jsonb(s) ->> 'wal_status' = 'lost'`,
    [name],
  )
  if (lost) await dropSlot(session, name, clock)
}

async function dropSlot(session: Session, name: string, clock: Clock): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const [slot] = await session.query<{ pid: number | null }>(
      'SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name = $1',
      [name],
    )
    if (!slot) return
    if (slot.pid === null) {
      await session.query('SELECT pg_drop_replication_slot($1)', [name])
      return
    }
    await session.query('SELECT pg_terminate_backend($1)', [slot.pid])
    await clock.sleep(250)
  }
  throw new ConfigError(`The replication slot ${name} is held by a connection that does not end`, {
    code: 'PG_SLOT_ACTIVE',
    context: { slot: name },
  })
}

function tableList(tables: readonly PublishedTable[]): string {
  return tables
    .map(({ relation: { schema, table } }) => `${quoteName(schema)}.${quoteName(table)}`)
    .join(', ')
}

/** The comment that says which job made a publication. */
function ownerMark(job: string): string {
  return `Made by Sluice for ${job}`
}
