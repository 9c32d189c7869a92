// One writer of one table: stages rows as files, and makes them visible together with the positions they bring
// the source to, in one step of the journal. Any number of writers, in other threads and pods, may have the same
// table open; what they do to each other is decided by the journal alone.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { PositionMove, Positions } from '#catalog/position.ts'
import type { TableSchema } from '#catalog/types.ts'
import { ConflictError, invariant } from '#common/errors.ts'
import type { Step } from '#lake/journal/step.ts'
import { Pace } from '#lake/services/pace.ts'
import type { ReportWork } from '#lake/services/service-report.ts'
import { stageAppend } from './append-stage.ts'
import { operationColumn, tableColumns, withoutOwnColumns } from './columns.ts'
import { PartitionFolders } from '#lake/partition/partition-folders.ts'
import {
  checkPartitionsKeep,
  withoutPartitionColumns,
  withPartitionColumns,
} from '#lake/partition/partition-rule.ts'
import type { Partitioning } from './partitioning.ts'
import { partitioningOf } from './partitioning.ts'
import { layoutOf, rewrites } from './definition.ts'
import { Duplicates } from './duplicates.ts'
import { evolvedSchema } from './evolve.ts'
import { stageKeyed, stageTruncate } from './keyed-stage.ts'
import type { OpenedTable } from './opened-table.ts'
import { advanceStep, PendingCommit, schemaStep } from './pending-commit.ts'
import { RewritingCommit } from './rewriting-commit.ts'
import { hasOtherThanInserts } from './rows.ts'
import { SliceHeads } from './slice-heads.ts'
import type { StageContext } from './stage-context.ts'
import { startOver, startOverRefusal } from './start-over.ts'
import { TableFiles } from './table-files.ts'

export interface StagedChanges {
  batch: ChangeBatch
  /** All earlier rows are gone, as of this sequence; applies before the batch. */
  truncate: { sequence: bigint } | null
}

export interface CommitResult {
  rows: number
  bytes: number
  /** The instant; null when only positions moved. */
  commit: string | null
}

/** Files that a listing named are there for at least this long (the retention of cleaning). */
const listingAgeMsMax = 1_800_000

export class TableWriter {
  readonly #table: OpenedTable
  #pending: PendingCommit | null = null
  /** The step of a commit whose outcome is not known yet; it is given to the journal again as it is. */
  #step: Step | null = null
  /** A commit of a copy-on-write table of which the same is true. */
  #rewriting: RewritingCommit | null = null
  /** Ends the turn of the commit in the making. */
  #endTurn: (() => void) | null = null
  /** File groups of a keyed table, as far as this writer knows; null: not looked yet. */
  #heads: SliceHeads | null = null
  /** The state of the journal up to which they are right. */
  #headsAt = 0
  /** Commits of other engines that were known then. */
  #foreignCommits = 0
  /** The commit in the making for which they were looked up anew. */
  #lookedFor: PendingCommit | null = null
  #files: { at: number; listedAtMs: number; files: TableFiles } | null = null
  readonly #folders: PartitionFolders

  readonly #partitioning: Partitioning | null
  readonly #duplicates: Duplicates | null
  /** Whether other writers did anything since all that is remembered of keys was read. */
  #othersWrote = false

  constructor(table: OpenedTable) {
    this.#table = table
    this.#folders = new PartitionFolders(table.store)
    this.#partitioning = partitioningOf(table.definition, table.keyIndexBytes)
    const { store, journal, dropDuplicates } = table
    this.#duplicates = dropDuplicates ? new Duplicates(store, journal, dropDuplicates) : null
  }

  /** The table's columns, without those the lake adds. */
  get schema(): TableSchema {
    const { journal, definition } = this.#table
    return withoutPartitionColumns(withoutOwnColumns(journal.state.schema), definition.partitionBy)
  }

  get rewritesOnCommit(): boolean {
    return rewrites(this.#table.definition)
  }

  positions(): Positions {
    return this.#table.journal.state.positions
  }

  async refresh(): Promise<void> {
    const { journal } = this.#table
    const { seq } = journal.state
    await journal.refresh()
    this.#heads = this.#files = null
    if (this.#othersWrote || journal.state.seq !== seq) this.#forgetKeys()
    await this.#changeSchema(() => journal.foreignSchema)
  }

  /**
   * Makes the table able to take rows of this schema; all writers see the new columns from one step on.
   * @throws ConfigError SCHEMA_CHANGE_REFUSED, COLUMN_NAME_UNSUPPORTED
   */
  async evolve(schema: TableSchema): Promise<void> {
    const { definition, policy } = this.#table
    const { name, partitionBy = [] } = definition
    const wanted = withPartitionColumns(tableColumns(name, schema), partitionBy)
    await this.#changeSchema(() => this.#table.journal.foreignSchema)
    await this.#changeSchema(stored => {
      const evolved = evolvedSchema({ table: name, stored, wanted, policy })
      if (evolved !== null) checkPartitionsKeep(name, partitionBy, { before: stored, after: evolved })
      return evolved
    })
  }

  /** @param change the schema the table must get, or null when it is fine as it is */
  async #changeSchema(change: (stored: TableSchema) => TableSchema | null): Promise<void> {
    const { journal } = this.#table
    for (;;) {
      const before = journal.state
      const changed = change(before.schema)
      if (changed === null) return
      this.#othersWrote = true
      try {
        await journal.commit(schemaStep(before, changed))
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error
        await journal.refresh()
        continue
      }
      // Files staged so far stay right: columns are only added or widened.
      if (journal.state.schemaVersion === before.schemaVersion + 1) this.#pending?.adoptSchema(journal.state)
      return
    }
  }

  /** Writes the rows as files; nothing becomes visible. */
  stage(changes: StagedChanges, signal: AbortSignal): Promise<void> {
    return this.#table.urgent.do(() => this.#stage(changes, signal))
  }

  async #stage({ batch, truncate }: StagedChanges, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    invariant(
      this.#step === null && this.#rewriting === null,
      'Rows were staged before it was known what became of the last commit',
    )
    await this.#takeTurn(signal)
    if (this.#table.definition.kind === 'append') return this.#append(batch, truncate)
    try {
      if (truncate !== null) {
        this.#forgetKeys()
        await stageTruncate(truncate.sequence, await this.#stageContext(signal))
      }
      if (batch.length > 0) await stageKeyed(batch, await this.#stageContext(signal))
    } catch (error) {
      this.#forgetKeys()
      throw error
    }
  }

  #forgetKeys(): void {
    if (this.#partitioning?.by === 'lookUp') this.#partitioning.locations.clear()
    this.#othersWrote = false
  }

  async #append(batch: ChangeBatch, truncate: StagedChanges['truncate']): Promise<void> {
    if (truncate !== null || hasOtherThanInserts(batch)) await this.#changeSchema(withOperationColumn)
    const pending = await this.#begin()
    await stageAppend(batch, truncate, {
      pending,
      clock: this.#table.clock,
      partitionBy: this.#table.definition.partitionBy,
      makePartitions: paths => this.#folders.make(paths, pending.instant),
      duplicates: this.#duplicates,
    })
  }

  /** From the first rows of a commit until it is made or dropped no file group is compacted by this process. */
  async #takeTurn(signal: AbortSignal): Promise<void> {
    const { turns, journal } = this.#table
    if (turns === undefined || this.#endTurn !== null) return
    this.#endTurn = await turns.take(signal)
    const { seq } = journal.state
    await journal.refresh()
    if (journal.state.seq === seq) return
    this.#heads = this.#files = null
    this.#othersWrote = true
  }

  #giveTurn(): void {
    this.#endTurn?.()
    this.#endTurn = null
  }

  async #begin(): Promise<PendingCommit> {
    const { store, definition, journal } = this.#table
    if (this.#pending === null) {
      if (this.#foreignCommits !== journal.foreignCommits) {
        this.#heads = this.#files = null
        this.#forgetKeys()
      }
      this.#foreignCommits = journal.foreignCommits
      const state = journal.state
      // In layout 1 a log names its slice: in one that a compaction has ended nobody would look for it.
      if (journal.layout === 1 && this.#headsAt !== state.seq) this.#heads = this.#files = null
      this.#headsAt = state.seq
      const instant = await journal.nextInstant()
      if (this.#partitioning === null) await this.#folders.make([''], instant)
      this.#pending = new PendingCommit(store, definition, { instant, state })
    }
    return this.#pending
  }

  async #stageContext(signal: AbortSignal): Promise<StageContext> {
    const { store, definition, clock } = this.#table
    const pace = new Pace(clock, signal)
    const pending = await this.#begin()
    if (this.#heads === null) await this.#lookFor(pending)
    return {
      store,
      definition,
      clock,
      pending,
      fileId: (partitionPath, bucket) => this.#heads!.fileId(partitionPath, bucket),
      slice: fileGroup => this.#heads?.get(fileGroup) ?? null,
      pause: () => pace.pause(),
      lookAgain: async () => {
        if (this.#lookedFor === pending) return
        this.#files = null
        await this.#lookFor(pending)
      },
      currentFiles: () => this.#currentFiles(),
      partitioning: this.#partitioning,
      makePartitions: paths => this.#folders.make(paths, pending.instant),
    }
  }

  async #lookFor(pending: PendingCommit): Promise<void> {
    const files = await this.#currentFiles()
    this.#heads = new SliceHeads(files, this.#table.clock)
    for (const { partitionPath } of files.slices) this.#folders.know([partitionPath])
    this.#lookedFor = pending
  }

  /** Listed once per state of the journal, and again before cleaning may have removed what was listed. */
  async #currentFiles(): Promise<TableFiles> {
    const { store, definition, journal, clock } = this.#table
    const at = journal.state.seq
    const nowMs = clock.nowMs()
    if (this.#files?.at !== at || nowMs - this.#files.listedAtMs > listingAgeMsMax) {
      const files = await TableFiles.load(store, layoutOf(definition.version))
      this.#files = { at, listedAtMs: nowMs, files }
    }
    return this.#files.files
  }

  /**
   * Makes what was staged visible together with the moves, or only moves positions when nothing was staged.
   * After a TransientError the outcome may be unknown: call it again with the same moves, or abort.
   * @throws ConflictError COMMIT_CONFLICT when what it was staged against is gone: abort, refresh, stage again
   * @throws FencedError WRITER_FENCED when a split does not stand where its move starts
   */
  async commit(
    moves: readonly PositionMove[],
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<CommitResult> {
    signal.throwIfAborted()
    const { journal } = this.#table
    const { seq } = journal.state
    try {
      return await this.#table.urgent.do(() => this.#commit(moves, metadata, signal))
    } finally {
      if (journal.state.seq !== seq + 1) this.#othersWrote = true
    }
  }

  async #commit(
    moves: readonly PositionMove[],
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<CommitResult> {
    const { journal, definition } = this.#table
    const pending = this.#pending?.isEmpty === false ? this.#pending : null
    if (pending !== null && rewrites(definition)) return this.#rewrite(pending, { moves, metadata, signal })
    await pending?.staged.settle()
    this.#step ??= pending?.step(moves, metadata) ?? advanceStep(journal.state, moves)
    try {
      await (pending === null ? journal : (this.#duplicates ?? journal)).commit(this.#step)
    } catch (error) {
      if (!journal.unsettled) this.#step = null
      throw error
    }
    this.#keepHeads(this.#step)
    this.#step = null
    this.#pending = null
    this.#giveTurn()
    if (pending === null) return { rows: 0, bytes: 0, commit: null }
    this.#heads?.add(pending)
    return { rows: pending.rows, bytes: pending.bytes, commit: pending.instant }
  }

  /** What was known of the slices is right after a step of our own when no other came between. */
  #keepHeads({ stagedAt }: Step): void {
    const { seq } = this.#table.journal.state
    if (this.#headsAt === stagedAt && seq === stagedAt + 1) this.#headsAt = seq
  }

  async #rewrite(
    pending: PendingCommit,
    given: {
      moves: readonly PositionMove[]
      metadata: Readonly<Record<string, string>>
      signal: AbortSignal
    },
  ): Promise<CommitResult> {
    this.#rewriting ??= new RewritingCommit(pending, this.#table)
    const made = await this.#rewriting.commit(given.moves, given.metadata, given.signal)
    this.#rewriting = null
    this.#pending = null
    this.#giveTurn()
    if (made === null) return { rows: 0, bytes: 0, commit: null }
    return { rows: pending.rows, bytes: made.bytes, commit: made.instant }
  }

  get startOverRefusal(): string | null {
    return startOverRefusal(this.#table)
  }

  async startOver(moves: readonly PositionMove[]): Promise<void> {
    this.#files = null
    await startOver(this.#table, moves)
  }

  /** Compacts and cleans the table if that is due; may go on beside everything else. */
  maintain(signal: AbortSignal, report?: ReportWork): Promise<boolean> {
    return this.#table.services.run(AbortSignal.any([signal, this.#table.closing.signal]), report)
  }

  /** Drops what was staged. Files that may be part of the table, because no answer came, are left where they are. */
  async abort(): Promise<void> {
    const pending = this.#pending
    const rewriting = this.#rewriting
    this.#pending = this.#rewriting = this.#step = null
    if (pending?.isEmpty === false) this.#forgetKeys()
    this.#duplicates?.drop()
    this.#giveTurn()
    if (pending === null || this.#table.journal.unsettled) return
    await rewriting?.discard()
    await pending.discard(this.#table.clock.nowMs())
  }

  async close(): Promise<void> {
    this.#table.closing.abort()
    await this.abort()
  }
}

function withOperationColumn(stored: TableSchema): TableSchema | null {
  if (stored.columns.some(({ name }) => name === operationColumn)) return null
  return {
    columns: [...stored.columns, { name: operationColumn, type: { kind: 'string' }, nullable: true }],
    key: stored.key,
  }
}
