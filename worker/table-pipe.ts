// One table inside one lane: changes of its splits flow in, are joined into large batches, written, and
// committed together with the positions they stand for. Reading goes on while files are written; the lane's
// byte budget is what makes readers wait.
import type { ByteBudget } from '#common/byte-budget.ts'
import type { Clock } from '#common/clock.ts'
import { invariant } from '#common/errors.ts'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import { batchBytes } from '#catalog/change-batch.ts'
import { concatBatches } from '#catalog/concat.ts'
import type { Position, PositionMove, Positions } from '#catalog/position.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { CommitResult, TableChanges, TableWriter } from '#connectors/connector.ts'
import type { CommitAction, CommitLimits } from './commit-policy.ts'
import { decideCommit, dueAtMs } from './commit-policy.ts'
import { splitPositions } from './resync.ts'

/** What one split contributed, in the order it was read. */
interface Item {
  split: string
  changes: TableChanges | null
  bytes: number
  position: Position | null
  newestAtMs: number | null
}

export interface CommitReport {
  table: string
  result: CommitResult
  /** Positions the target now holds, of the splits that moved. */
  moved: ReadonlyMap<string, Position>
  /** Rows that were read of each split for it. */
  rows: ReadonlyMap<string, number>
  /** Source time of the newest committed change, ms since the epoch. */
  newestAtMs: number | null
  /** Source time of the change that had waited longest of what was committed. */
  oldestAtMs: number | null
  durationMs: number
}

export interface TablePipeOptions {
  table: string
  writer: TableWriter
  limits: CommitLimits
  budget: ByteBudget
  clock: Clock
  /** Extra commit metadata for these positions, for other tools to read. */
  metadata(positions: ReadonlyMap<string, Position>): Readonly<Record<string, string>>
  onCommit(report: CommitReport): void
}

export class TablePipe {
  readonly table: string
  readonly #options: TablePipeOptions
  #items: Item[] = []
  #itemBytes = 0
  #itemRows = 0
  #stagedRows = 0
  #stagedBytes = 0
  /** Last position taken into what is staged; null: the split's staged rows end inside a transaction. */
  readonly #staged = new Map<string, Position | null>()
  #stagedRowsOf = new Map<string, number>()
  /**
   * Where each split stood when this pipe took it over, and then by its own commits. Never read from the writer again:
   * it also learns of what others commit, and rows read from before that must not pass for what follows it.
   */
  readonly #held: Map<string, Position>
  #newestAtMs: number | null = null
  #oldestAtMs: number | null = null
  #committedAtMs: number | null = null
  #commitMs = 0
  #advancedAtMs: number
  #schema: TableSchema | null = null
  #draining = false
  readonly #begun = Promise.withResolvers<void>()
  #wake: () => void = () => undefined

  constructor(options: TablePipeOptions) {
    this.#options = options
    this.table = options.table
    this.#held = new Map(options.writer.positions())
    this.#advancedAtMs = options.clock.monotonicMs()
  }

  /** Where the target holds every split, as far as this pipe brought it: where reading goes on. */
  get held(): Positions {
    return this.#held
  }

  /** Resolves with the first commit, or when the pipe ends without one. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  /** Takes changes (or only a position) of a split; waits while the lane's budget is full. */
  async push(
    split: string,
    changes: TableChanges | null,
    at: { position: Position | null; newestAtMs: number | null },
    signal: AbortSignal,
  ): Promise<void> {
    const bytes = changes === null ? 0 : batchBytes(changes.batch)
    if (bytes > 0) await this.#options.budget.take(bytes, signal)
    const last = this.#items.at(-1)
    if (changes === null && last?.split === split && last.changes === null) last.position = at.position
    else this.#items.push({ split, changes, bytes, ...at })
    this.#itemBytes += bytes
    this.#itemRows += changes === null ? 0 : changes.batch.length + (changes.truncate ? 1 : 0)
    this.#wake()
  }

  /** Writes and commits until the signal aborts, or, once drained, until nothing more can be committed. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options
    try {
      for (;;) {
        signal.throwIfAborted()
        const action = decideCommit(this.#waiting(), limits, clock.monotonicMs(), this.#draining)
        if (action !== 'wait') await this.#act(action, signal)
        else if (this.#draining) return
        else await this.#sleepUntilDue(signal)
      }
    } finally {
      this.#begun.resolve()
    }
  }

  /** No more will be pushed: run() commits what it may and returns. */
  drain(): void {
    this.#draining = true
    this.#wake()
  }

  /** Something outside changed that may call for a commit: the lane has no room left. */
  wake(): void {
    this.#wake()
  }

  #waiting() {
    return {
      rows: this.#itemRows,
      bytes: this.#itemBytes,
      stagedRows: this.#stagedRows,
      stagedBytes: this.#stagedBytes,
      insideTransaction: this.#insideTransaction(),
      positionsMoved: this.#items.length > 0 || this.#staged.size > 0,
      committedAtMs: this.#committedAtMs,
      commitMs: this.#commitMs,
      advancedAtMs: this.#advancedAtMs,
      pressed: this.#options.budget.pressed,
    }
  }

  #insideTransaction(): boolean {
    const open = new Set<string>()
    for (const [split, position] of this.#staged) if (position === null) open.add(split)
    for (const item of this.#items)
      if (item.position === null) open.add(item.split)
      else open.delete(item.split)
    return open.size > 0
  }

  async #act(action: CommitAction, signal: AbortSignal): Promise<void> {
    const startedAtMs = this.#options.clock.monotonicMs()
    await this.#stage(signal)
    if (action === 'stage') return
    const moves: PositionMove[] = []
    const moved = new Map<string, Position>()
    for (const [split, to] of this.#staged) {
      invariant(to !== null, 'A commit was decided inside a transaction', { table: this.table, split })
      const from = this.#held.get(split) ?? null
      if (from === to) continue
      moves.push({ split, from, to })
      moved.set(split, to)
    }
    if (moves.length > 0 || this.#stagedRows > 0) {
      const positions = splitPositions(this.#options.writer.positions())
      const metadata = this.#options.metadata(new Map([...positions, ...moved]))
      const result = await this.#commit(moves, metadata, signal)
      for (const [split, to] of moved) this.#held.set(split, to)
      this.#report(result, moved, startedAtMs)
    }
    this.#staged.clear()
    this.#stagedRows = this.#stagedBytes = 0
  }

  async #commit(
    moves: readonly PositionMove[],
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<CommitResult> {
    const { budget, limits, writer } = this.#options
    budget.charge(limits.commitHeldBytes)
    try {
      return await writer.commit(moves, metadata, signal)
    } finally {
      budget.give(limits.commitHeldBytes)
    }
  }

  #report(result: CommitResult, moved: Map<string, Position>, startedAtMs: number): void {
    const nowMs = this.#options.clock.monotonicMs()
    const { table } = this
    const [newestAtMs, oldestAtMs] = [this.#newestAtMs, this.#oldestAtMs]
    this.#advancedAtMs = nowMs
    // The interval counts from the start, so that a slow commit does not lengthen the time between commits.
    if (result.commit !== null) {
      this.#committedAtMs = startedAtMs
      this.#commitMs = nowMs - startedAtMs
    }
    this.#newestAtMs = this.#oldestAtMs = null
    const rows = this.#stagedRowsOf
    this.#stagedRowsOf = new Map()
    this.#begun.resolve()
    this.#options.onCommit({
      table,
      result,
      moved,
      rows,
      newestAtMs,
      oldestAtMs,
      durationMs: nowMs - startedAtMs,
    })
  }

  /**
   * Writes everything that waits to files, one per run of batches with the same schema and no truncate between, and per
   * `fileBytesMax`.
   */
  async #stage(signal: AbortSignal): Promise<void> {
    const items = this.#items
    const bytes = this.#itemBytes
    this.#items = []
    this.#itemBytes = this.#itemRows = 0
    this.#stagedBytes += bytes
    try {
      const run: ChangeBatch[] = []
      let runBytes = 0
      // Taken out one by one: what is written must not be held until all of it is.
      for (let item = items.shift(); item; item = items.shift()) {
        this.#staged.set(item.split, item.position)
        if (item.changes === null) continue
        const rows = this.#stagedRowsOf.get(item.split) ?? 0
        this.#stagedRowsOf.set(item.split, rows + item.changes.batch.length)
        if (item.newestAtMs !== null) {
          this.#newestAtMs = Math.max(this.#newestAtMs ?? 0, item.newestAtMs)
          this.#oldestAtMs = Math.min(this.#oldestAtMs ?? Infinity, item.newestAtMs)
        }
        const isOther = run[0] !== undefined && run[0].schema !== item.changes.batch.schema
        if (item.changes.truncate || isOther || runBytes + item.bytes > this.#options.limits.fileBytesMax) {
          await this.#write(run, signal)
          runBytes = 0
        }
        runBytes += item.bytes
        if (item.changes.truncate) {
          await this.#evolve(item.changes.batch.schema, signal)
          await this.#options.writer.stage(item.changes, signal)
          this.#stagedRows += item.changes.batch.length + 1
        } else if (item.changes.batch.length > 0) run.push(item.changes.batch)
      }
      await this.#write(run, signal)
    } finally {
      this.#options.budget.give(bytes)
    }
  }

  /** Empties the run. */
  async #write(run: ChangeBatch[], signal: AbortSignal): Promise<void> {
    if (run.length === 0) return
    const batch = concatBatches(run.splice(0))
    await this.#evolve(batch.schema, signal)
    await this.#options.writer.stage({ batch, truncate: null }, signal)
    this.#stagedRows += batch.length
  }

  async #evolve(schema: TableSchema, signal: AbortSignal): Promise<void> {
    if (schema === this.#schema) return
    await this.#options.writer.evolve(schema, signal)
    this.#schema = schema
  }

  async #sleepUntilDue(signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options
    const waitMs = Math.min(dueAtMs(this.#waiting(), limits) - clock.monotonicMs(), limits.advanceIntervalMs)
    const woken = new AbortController()
    await new Promise<void>(resolve => {
      this.#wake = resolve
      void clock.sleep(Math.max(waitMs, 1), AbortSignal.any([signal, woken.signal])).then(resolve)
    })
    woken.abort()
    this.#wake = () => undefined
  }
}
