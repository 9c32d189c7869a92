// The contract between the platform and whatever holds tables. A connector is one folder with one object of
// this type, named in registry.ts (what people write for it) and load.ts (its code). It may be a source, a target, or both; the shared suites in
// test/contract/ say what each half must do, and a connector is done when they pass against the real server.
//
// The way of a row: Source.read(split) -> SourceChunk (columns) -> TableWriter.stage -> TableWriter.commit(moves)
// -> Source.acknowledge. The order is the promise: the source is told only what the target holds.
import type { DataError } from '#common/errors.ts'
import type { Logger } from '#common/logger.ts'
import type { Clock } from '#common/clock.ts'
import type { SecretValue } from '#api/secret.ts'
import type { VirtualTableSpec } from '#api/virtual-table.ts'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { Position, PositionMove, Positions } from '#catalog/position.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { ConnectionPermits, ReadPace, ReadTurns } from './read-pace.ts'

export interface Connector<Spec = unknown> {
  /** The value of `type` in a DataSource, and the name of its sub-object. */
  readonly type: string
  openSource?(context: ConnectorContext<Spec>): Promise<Source>
  openTarget?(context: ConnectorContext<Spec>): Promise<Target>
}

export interface ConnectorContext<Spec> {
  /** The connector's part of a DataSource: valid, with defaults, secrets still as references (api/secret.ts). */
  spec: Spec
  /** The DataSource's name. */
  name: string
  /** Namespace and name of the SyncJob, for names of slots, groups, writers: `shop.shop-to-lake`. */
  job: string
  /** Reads a secret value of the spec. @throws ConfigError SECRET_MISSING */
  secret: (value: SecretValue) => Promise<string>
  /** VirtualTables people wrote for objects of this DataSource. */
  virtualTables: readonly VirtualTableSpec[]
  /** What to do with a record that cannot be decoded: throw the DataError, or count it here and go on. */
  onBadRecord: (error: DataError) => void
  /** What a source's read() must ask before it takes rows from the server; left out: there are no limits. */
  pace?: ReadPace | undefined
  /** What a source's read() must ask before a query that reads a whole table, or a range of one; left out: there is no limit. */
  turns?: ReadTurns | undefined
  /** What must be asked before every connection to the server; left out: there is no limit. */
  connections?: ConnectionPermits | undefined
  clock: Clock
  logger: Logger
}

// ---------------------------------------------------------------------------------------------- source

export interface DiscoveredTable {
  /** The source's own full name: `public.orders`, a topic. */
  name: string
  schema: TableSchema
  /**
   * The columns were learned from some of the records; others may have more, or values of another type. What the target
   * table has by now then stands (catalog/sampled-schema.ts).
   */
  sampled?: boolean
  /** Rough size, for bucket counts and progress; 0 when unknown. */
  estimatedRows: number
  estimatedBytes: number
}

/** A table as the job wants it read. */
export interface SourceTable {
  name: string
  schema: TableSchema
  /** Positions the target holds; empty for a table that was never synced. */
  positions: Positions
  /** What of the table to read. */
  mode: 'snapshotAndStream' | 'snapshot' | 'stream'
  /** Where a stream without a snapshot begins: `earliest`, `latest` or an RFC 3339 time. */
  start: string
  /**
   * The target has rows of an earlier reading, though no positions: they are replaced as they are read again, and those
   * that are not must go once all is read (a truncate whose sequence is before all of what was read now).
   */
  replaces?: boolean
}

/** The unit of parallel reading. */
export interface Split {
  /** Stable and unique within the job: `log`, `snapshot/public.orders/3`, `clicks/0`. */
  id: string
  /** Tables whose rows it yields. */
  tables: readonly string[]
  /** A bounded split ends by itself (a snapshot range); an unbounded one is read until stopped. */
  bounded: boolean
  /** Splits of a lower stage are finished before one of a higher stage is read (snapshot 0, log 1). */
  stage: number
  /** Relative cost, for balanced assignment; 1 when unknown. */
  weight: number
  /** What the connector's read() must know besides (an exported snapshot): opaque, handed over as plan() gave it. */
  detail?: string
}

export interface SourcePlan {
  splits: readonly Split[]
  /**
   * Per table, positions the target must hold before its splits are read: given for a table that has none yet,
   * or for new splits of a known table. They are committed with an `advance` entry.
   */
  initialPositions: ReadonlyMap<string, Positions>
  /**
   * Tables to be read that have no splits yet, since the source may not be asked for more at the moment. They are planned
   * when the bounded splits listed now are done.
   */
  postponed?: readonly string[]
}

/** Rows of one table inside a chunk. */
export interface TableChanges {
  table: string
  /** All earlier rows of the table are gone (TRUNCATE); applies before the batch. Its sequence is that of the truncate. */
  truncate: { sequence: bigint } | null
  batch: ChangeBatch
}

export interface SourceChunk {
  changes: readonly TableChanges[]
  /**
   * The split's position after this chunk, or null when the chunk ends inside a transaction: its rows may be
   * staged but not committed before a later chunk brings a position.
   */
  position: Position | null
  /** Commit or event time of the newest change, ms since the epoch; null in a snapshot. For lag and freshness. */
  newestAtMs: number | null
  /** True when the split had nothing more to give at this moment: commit now rather than wait for more. */
  caughtUp: boolean
}

export interface ReadLimits {
  /** A chunk is cut when its columns hold this many bytes … */
  chunkBytesMax: number
  /** … or this long after its first row, whichever comes first. An idle split yields an empty chunk (position, no rows) that often too when its position moved. */
  lingerMs: number
  /** The first chunk of a read may be cut at this size already, so that the first rows are committed soon. */
  firstChunkBytesMax?: number
}

/** What the source can tell about how far behind a split is. */
export interface SplitLag {
  /** Records (Kafka), bytes of log (PostgreSQL) … between the position and the end. */
  amount: number
  unit: 'records' | 'bytes'
}

export interface Source {
  /** Tables that exist now and match none, some or all of the job's patterns: the caller filters. */
  discover(signal: AbortSignal): Promise<readonly DiscoveredTable[]>
  /**
   * Makes what reading needs (slot, publication, exported snapshot) and lists the splits for these tables.
   * Idempotent; called at start and again every discovery interval with the tables as they then stand.
   * @throws PositionLostError when a stored position can no longer be read from
   */
  plan(tables: readonly SourceTable[], signal: AbortSignal): Promise<SourcePlan>
  /**
   * Throws what plan() would throw because of how the server and these tables are. Changes nothing: a worker may be
   * reading for the same job.
   */
  check?(tables: readonly SourceTable[], signal: AbortSignal): Promise<void>
  /**
   * Asked before a table's positions are given up, to begin it anew. Left out: no table of this source can be.
   * @throws ConfigError RESYNC_UNSUPPORTED
   */
  checkResync?(table: SourceTable, signal: AbortSignal): Promise<void>
  /**
   * Reads a split on from what the target holds. `tables` carries, for each of the split's tables, its schema
   * and positions; changes at or before a table's own position are not yielded again. Ends when a bounded split
   * is exhausted or the signal aborts. Pulling the next chunk is the only way to make it read on: memory stays
   * within `chunkBytesMax` plus one read-ahead of the same size.
   */
  read(
    split: Split,
    tables: readonly SourceTable[],
    limits: ReadLimits,
    signal: AbortSignal,
  ): AsyncIterable<SourceChunk>
  /** The target has everything of the split up to here: the server may forget it. Never called backwards. */
  acknowledge(split: Split, position: Position): Promise<void>
  /** Negative, zero or positive as a lies before, at or after b. */
  compare(a: Position, b: Position): number
  lag(split: Split, position: Position, signal: AbortSignal): Promise<SplitLag>
  /**
   * Whether the server has something for the job that the target does not: what it is, as a sentence, or null. Asked while
   * no worker reads, so it may use what readers use. Makes, moves and acknowledges nothing, and reads no more than it takes
   * to tell; where that is too much the answer is a sentence. `tables` are all of the job, with their positions. Left
   * out: a job of this source always has a worker.
   * @throws PositionLostError when a stored position can no longer be read from
   */
  unread?(tables: readonly SourceTable[], signal: AbortSignal): Promise<string | null>
  /** Entries for a commit's metadata that other tools read (Hudi Streamer's checkpoint key for Kafka). */
  commitMetadata?(table: string, positions: Positions): Readonly<Record<string, string>>
  /** Removes what plan() made at the server (slot, publication). For the deletion of a job. */
  teardown(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

// ---------------------------------------------------------------------------------------------- target

export interface TargetTable {
  /** Name in the target. */
  name: string
  schema: TableSchema
  /** As of DiscoveredTable: a table that exists keeps its columns and their types. */
  sampled?: boolean
  /** Rough size of the source table, for bucket counts; 0 when unknown. */
  estimatedBytes: number
  estimatedRows: number
  /** Options of the SyncJob for this table that only the target understands (valid, with defaults). */
  options: Readonly<Record<string, unknown>>
  schemaEvolution: 'evolve' | 'additive' | 'ignore' | 'fail'
}

export interface Target {
  /** Opens the table, making it when it does not exist; finishes what a crashed writer left half done. */
  openTable(table: TargetTable, signal: AbortSignal): Promise<TableWriter>
  close(): Promise<void>
}

export interface CommitResult {
  /** Rows written (after the newest change per key was chosen). */
  rows: number
  bytes: number
  /** Name of the commit in the target; null when only positions moved. */
  commit: string | null
}

/** A piece of work of maintain(). */
export interface MaintenanceWork {
  /** `compaction`, `cleaning` … */
  service: string
  /** Rows written anew. */
  rows?: number
  /** Of the files that were merged or removed. */
  bytesBefore?: number
  /** Of the files that took their place. */
  bytesAfter?: number
  filesRemoved?: number
  /** Instants that left the timeline. */
  instants?: number
  durationMs: number
}

/** One writer of one table. Used by one lane; many writers, in other lanes and pods, may work on the same table. */
export interface TableWriter {
  /** The schema the target table has now. */
  readonly schema: TableSchema
  /** True when a commit costs as much as the table is large: commits are then made rarer and larger. */
  readonly rewritesOnCommit?: boolean
  /** Positions the target holds now, of all splits of the table. */
  positions(): Positions
  /** Reads the table's state again: other writers may have moved it. */
  refresh(signal: AbortSignal): Promise<void>
  /** Makes the table able to take rows of this schema, by the schemaEvolution policy. @throws ConfigError SCHEMA_CHANGE_REFUSED */
  evolve(schema: TableSchema, signal: AbortSignal): Promise<void>
  /** Writes rows; nothing becomes visible. May be called often before a commit. The batch's schema is that of the last evolve(). */
  stage(changes: Pick<TableChanges, 'batch' | 'truncate'>, signal: AbortSignal): Promise<void>
  /**
   * Makes what was staged visible together with the moves, in one atomic step, or only moves positions when
   * nothing was staged. `metadata` goes into the commit for other tools to read.
   * @throws ConflictError when a table state it was staged against is gone (abort, refresh, stage again)
   * @throws FencedError when a split's stored position is not the `from` of its move: another worker owns it
   */
  commit(
    moves: readonly PositionMove[],
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<CommitResult>
  /**
   * Takes all rows out of a table without a key, in one atomic step with the moves. Left out: the target cannot.
   * @throws ConflictError, FencedError as commit() does
   */
  startOver?(moves: readonly PositionMove[], signal: AbortSignal): Promise<void>
  /** Why startOver() is not to be called for this table; null: it may be. */
  readonly startOverRefusal?: string | null
  /**
   * Does what keeps the table fast and small (compaction, cleaning) if it is due. Called now and then, also while
   * stage() or commit() are under way; it gives way to them often. Tells of each piece of work when it is done.
   * Resolves to whether anybody looked at the table: another worker may just have done so. Failing is no harm: it is
   * called again.
   */
  maintain?(signal: AbortSignal, report?: (work: MaintenanceWork) => void): Promise<boolean>
  /** Drops what was staged. */
  abort(): Promise<void>
  close(): Promise<void>
}
