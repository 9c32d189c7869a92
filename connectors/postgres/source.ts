// PostgreSQL as a source: page ranges of exported snapshots, then the log of one replication slot. The process
// that plans holds the snapshots open; any process of the job can read a split.
import type { Position, Positions } from '#catalog/position.ts'
import type { DataError } from '#common/errors.ts'
import { ConfigError, invariant } from '#common/errors.ts'
import type {
  ConnectorContext,
  DiscoveredTable,
  ReadLimits,
  Source,
  SourceChunk,
  SourcePlan,
  SourceTable,
  Split,
  SplitLag,
} from '../connector.ts'
import { readLogSplit } from './log-split.ts'
import { formatLsn, parseLsn } from './lsn.ts'
import type { ServerNames } from './names.ts'
import { serverNames } from './names.ts'
import {
  comparePositions,
  isSnapshotSplit,
  isSweepSplit,
  logSplitId,
  parseSnapshotPosition,
  formatSnapshotPosition,
} from './position.ts'
import { readRelations, schemaOf } from './relation.ts'
import {
  createSlot,
  dropLostSlot,
  dropReplication,
  ensurePublication,
  readSlot,
  requireSlot,
} from './replication-setup.ts'
import type { Slot } from './replication-setup.ts'
import type { ReplicationSession } from './replication-session.ts'
import { requireKey, requireStreamable } from './replica-identity.ts'
import { requireResyncable, sweepChunk } from './resync.ts'
import type { ServerTypes } from './server-types.ts'
import type { ServerAccess } from './session.ts'
import { Session, serverAccess, withSession } from './session.ts'
import { pageBytes } from './snapshot-plan.ts'
import { readSnapshot } from './snapshot-reader.ts'
import type { JobTable, SnapshotDetail } from './snapshots.ts'
import { Snapshots } from './snapshots.ts'
import type { PostgresSpec } from './spec.ts'
import { unreadChanges } from './unread.ts'

export class PostgresSource implements Source {
  readonly #context: ConnectorContext<PostgresSpec>
  readonly #access: ServerAccess
  readonly #names: ServerNames
  readonly #snapshots: Snapshots
  readonly #types: ServerTypes = new Map()
  #stream: ReplicationSession | null = null
  #acknowledged = 0n

  private constructor(context: ConnectorContext<PostgresSpec>, access: ServerAccess) {
    this.#context = context
    this.#access = access
    this.#names = serverNames(context.job, context.spec)
    const { rangeBytes } = context.spec.snapshot
    const oneAtATime = context.connections !== undefined
    this.#snapshots = new Snapshots({ access, rangeBytes, oneAtATime, clock: context.clock })
  }

  static async open(context: ConnectorContext<PostgresSpec>): Promise<PostgresSource> {
    return new PostgresSource(context, await serverAccess(context))
  }

  async discover(signal: AbortSignal): Promise<readonly DiscoveredTable[]> {
    const relations = await withSession(this.#access, signal, session =>
      readRelations(session, null, this.#types),
    )
    return relations.map(({ name, columns, key, estimatedRows, estimatedBytes }) => ({
      name,
      schema: schemaOf(columns, key),
      estimatedRows,
      estimatedBytes,
    }))
  }

  async plan(tables: readonly SourceTable[], signal: AbortSignal): Promise<SourcePlan> {
    const initial = new Map<string, Positions>()
    const { streamed, unread } = await withSession(this.#access, signal, async session => {
      const jobTables = await this.#lookUp(session, tables)
      const streamed = jobTables.filter(({ source }) => source.mode !== 'snapshot')
      if (streamed.length > 0) {
        const slot = await this.#prepareStream(session, streamed)
        for (const { source } of streamed)
          if (source.mode === 'stream' && !source.positions.has(logSplitId))
            initial.set(source.name, new Map([[logSplitId, await startOf(source, slot, session)]]))
      }
      return { streamed, unread: await this.#snapshots.look(session, jobTables) }
    })
    // By now that session has ended: what takes a snapshot needs two more.
    const { splits, initialPositions, postponed } = await this.#snapshots.plan(unread, signal)
    for (const [table, positions] of initialPositions) initial.set(table, positions)
    const logged = streamed.map(({ source }) => source.name).filter(name => !postponed.includes(name))
    if (logged.length > 0)
      splits.push({ id: logSplitId, tables: logged, bounded: false, stage: 1, weight: 1 })
    return { splits, initialPositions: initial, postponed }
  }

  async check(tables: readonly SourceTable[], signal: AbortSignal): Promise<void> {
    await withSession(this.#access, signal, async session => {
      const streamed = (await this.#lookUp(session, tables)).filter(
        ({ source }) => source.mode !== 'snapshot',
      )
      if (streamed.length === 0) return
      await requireLogicalLog(session)
      requireStreamable(streamed)
    })
  }

  async checkResync(table: SourceTable, signal: AbortSignal): Promise<void> {
    await withSession(this.#access, signal, session => requireResyncable(session, table))
  }

  async *read(
    split: Split,
    tables: readonly SourceTable[],
    limits: ReadLimits,
    signal: AbortSignal,
  ): AsyncGenerator<SourceChunk> {
    if (signal.aborted) return
    try {
      if (isSweepSplit(split.id)) yield* sweepChunk(split, tables[0]!)
      else if (isSnapshotSplit(split.id)) yield* this.#readSnapshot(split, tables[0]!, limits, signal)
      else yield* this.#readLog(tables, limits, signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  acknowledge(split: Split, position: Position): Promise<void> {
    if (split.id === logSplitId) {
      const lsn = parseLsn(position)
      if (lsn > this.#acknowledged) this.#acknowledged = lsn
      this.#stream?.acknowledge(this.#acknowledged)
    }
    return Promise.resolve()
  }

  compare(a: Position, b: Position): number {
    return comparePositions(a, b)
  }

  async lag(split: Split, position: Position, signal: AbortSignal): Promise<SplitLag> {
    const amount = await withSession(this.#access, signal, session =>
      isSnapshotSplit(split.id) ? unreadBytes(session, position) : unreadLog(session, position),
    )
    return { amount: Math.max(0, amount), unit: 'bytes' }
  }

  async unread(tables: readonly SourceTable[], signal: AbortSignal): Promise<string | null> {
    return withSession(this.#access, signal, session => unreadChanges(session, this.#names, tables))
  }

  async teardown(signal: AbortSignal): Promise<void> {
    await this.#snapshots.close()
    await withSession(this.#access, signal, session =>
      dropReplication(session, this.#names, this.#context.job, this.#context.clock),
    )
  }

  async close(): Promise<void> {
    await this.#stream?.close()
    this.#stream = null
    await this.#snapshots.close()
  }

  /** The tables as the server has them. @throws ConfigError TABLE_NOT_FOUND */
  async #lookUp(session: Session, tables: readonly SourceTable[]): Promise<JobTable[]> {
    const names = tables.map(table => table.name)
    const relations = new Map(
      (await readRelations(session, names, this.#types)).map(relation => [relation.name, relation]),
    )
    const missing = names.filter(name => !relations.has(name))
    if (missing.length > 0)
      throw new ConfigError(`PostgreSQL has no table ${missing.join(', ')}`, {
        code: 'TABLE_NOT_FOUND',
        context: { dataSource: this.#context.name, tables: missing.join(', ') },
      })
    return tables.map(source => ({ source, relation: relations.get(source.name)! }))
  }

  /** Publication first: a slot that is older than its publication cannot be read. */
  async #prepareStream(session: Session, tables: readonly JobTable[]): Promise<Slot> {
    await requireLogicalLog(session)
    requireStreamable(tables)
    const published = tables.map(({ source, relation }) => ({
      relation,
      isStreamed: source.positions.has(logSplitId),
    }))
    const { slot, publication } = this.#names
    const positions = tables.flatMap(({ source }) => source.positions.get(logSplitId) ?? []).map(parseLsn)
    const least = positions.reduce<bigint | null>((a, b) => (a === null || b < a ? b : a), null)
    if (least !== null) await requireSlot(session, slot, least)
    else await dropLostSlot(session, slot, this.#context.clock)
    await ensurePublication(session, publication, this.#context.job, published)
    return (await readSlot(session, slot)) ?? (await createSlot(session, slot))
  }

  async *#readSnapshot(
    split: Split,
    table: SourceTable,
    limits: ReadLimits,
    signal: AbortSignal,
  ): AsyncGenerator<SourceChunk> {
    invariant(split.detail !== undefined, 'A snapshot split without its snapshot', { split: split.id })
    const detail = JSON.parse(split.detail) as SnapshotDetail
    const held = table.positions.get(split.id)
    invariant(held !== undefined, 'A snapshot split without a position', { split: split.id })
    const range = parseSnapshotPosition(held)
    if ('done' in range) return
    if (detail === null) {
      const position = formatSnapshotPosition({ done: true, consistentPoint: range.consistentPoint })
      yield { changes: [], position, newestAtMs: null, caughtUp: true }
      return
    }
    const leave = await this.#context.turns?.enter(signal)
    let session: Session | null = null
    try {
      session = await Session.open(this.#access, signal, { use: 'reader' })
      const [relation] = await readRelations(session, [table.name], this.#types)
      invariant(relation, 'A table in a snapshot split is gone', { table: table.name })
      requireKey(table, relation.columns)
      const schema = schemaOf(relation.columns, table.schema.key)
      const { clock, pace } = this.#context
      const read = {
        table: table.name,
        schema,
        columns: relation.columns,
        range,
        sequence: parseLsn(detail.consistentPoint) - 1n,
        snapshot: detail.snapshot,
        limits,
        clock,
        pace,
        onBadRecord: (error: DataError) => this.#context.onBadRecord(error),
      }
      yield* readSnapshot(session, read, signal)
    } finally {
      await session?.close()
      leave?.()
    }
  }

  async *#readLog(
    tables: readonly SourceTable[],
    limits: ReadLimits,
    signal: AbortSignal,
  ): AsyncGenerator<SourceChunk> {
    try {
      yield* readLogSplit({
        access: this.#access,
        names: this.#names,
        context: this.#context,
        tables,
        limits,
        signal,
        onOpen: stream => {
          this.#stream = stream
          if (this.#acknowledged > 0n) stream.acknowledge(this.#acknowledged)
        },
      })
    } finally {
      this.#stream = null
    }
  }
}

async function requireLogicalLog(session: Session): Promise<void> {
  const [setting] = await session.query<{ level: string }>("SELECT current_setting('wal_level') AS level")
  if (setting?.level !== 'logical')
    throw new ConfigError(`wal_level of the server is ${setting?.level}, and must be logical`, {
      code: 'PG_WAL_LEVEL',
      context: { walLevel: setting?.level },
    })
}

/** Where a stream without a snapshot begins. */
async function startOf(table: SourceTable, slot: Slot, session: Session): Promise<Position> {
  if (table.start === 'earliest') return formatLsn(slot.confirmed)
  if (table.start !== 'latest')
    throw new ConfigError('PostgreSQL cannot begin to stream at a time: use `earliest` or `latest`', {
      code: 'SPEC_INVALID',
      context: { start: table.start },
    })
  const [now] = await session.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
  return now!.lsn
}

async function unreadLog(session: Session, position: Position): Promise<number> {
  const [row] = await session.query<{ bytes: number }>(
    'SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::float8 AS bytes',
    [position],
  )
  return row!.bytes
}

async function unreadBytes(session: Session, position: Position): Promise<number> {
  const range = parseSnapshotPosition(position)
  if ('done' in range) return 0
  if (range.end !== null) return (range.end - range.next) * pageBytes
  const [row] = await session.query<{ bytes: number }>(
    'SELECT coalesce(pg_relation_size($1::oid), 0)::float8 AS bytes',
    [range.relation],
  )
  return row!.bytes - range.next * pageBytes
}
