// One uninterrupted run of a lane over the splits it was granted: readers pull chunks, pipes commit them, the
// source hears what is safe. Any failure ends the whole session; the next one starts from what the target holds.
import { ByteBudget } from '#common/byte-budget.ts'
import type { Clock } from '#common/clock.ts'
import { isAbort } from '#common/errors.ts'
import type { Position } from '#catalog/position.ts'
import type {
  MaintenanceWork,
  ReadLimits,
  Source,
  SourceChunk,
  SourceTable,
  Split,
  TableWriter,
} from '#connectors/connector.ts'
import { Acknowledger } from './acknowledger.ts'
import { watchBacklog } from './backlog.ts'
import { commitLimits } from './commit-policy.ts'
import { LaneLoad } from './lane-load.ts'
import type { FromLane, GrantedTable } from './lane-protocol.ts'
import type { CommitReport } from './table-pipe.ts'
import { maintainTables } from './maintain.ts'
import { TablePipe } from './table-pipe.ts'

const backlogIntervalMs = 15_000

const serviceIntervalMs = 60_000

const chunkBytesMin = 256 * 1024

export interface SessionOptions {
  source: Source
  splits: readonly Split[]
  tables: readonly { granted: GrantedTable; writer: TableWriter }[]
  /** Bytes of decoded changes the lane may hold. */
  bufferBytesMax: number
  freshnessMs: number
  clock: Clock
  report: (message: FromLane) => void
  /** How long the lane's thread has been at work since it began, ms; it cannot be told by default. */
  activeMs?: () => number
  /** Other workers read other splits of the job, and may have read these until now. */
  isShared?: boolean
  /** A table service failed; it is tried again later. */
  onServiceFailure?: (table: string, error: unknown) => void
}

export class Session {
  readonly #options: SessionOptions
  readonly #budget: ByteBudget
  readonly #load: LaneLoad
  readonly #pipes = new Map<string, TablePipe>()
  readonly #acknowledgers = new Map<string, Acknowledger>()
  /** Where bounded splits end that were read to their end; null: where they stood. */
  readonly #ends = new Map<string, Position | null>()
  /** Splits of which something was read. */
  readonly #arrived = new Set<string>()
  readonly #allArrived = new AbortController()
  readonly #failed = new AbortController()
  readonly #pendingAcknowledgements = new Set<Promise<void>>()

  constructor(options: SessionOptions) {
    this.#options = options
    this.#budget = new ByteBudget(options.bufferBytesMax, () => this.#pipes.forEach(pipe => pipe.wake()))
    const { clock, report, activeMs = () => 0 } = options
    this.#load = new LaneLoad({ clock, report, activeMs, isPressed: () => this.#budget.pressed })
    const bulk = options.splits.every(split => split.bounded)
    for (const { granted, writer } of options.tables) {
      const table = granted.source.name
      const metadata = (positions: ReadonlyMap<string, Position>) =>
        options.source.commitMetadata?.(table, positions) ?? {}
      const onCommit = (report: CommitReport) => this.#committed(report)
      const traits = { bulk, rewrites: writer.rewritesOnCommit === true }
      const limits = commitLimits(options.freshnessMs, options.bufferBytesMax, traits)
      this.#pipes.set(
        table,
        new TablePipe({
          table,
          writer,
          limits,
          budget: this.#budget,
          clock: options.clock,
          metadata,
          onCommit,
        }),
      )
    }
    for (const split of options.splits)
      this.#acknowledgers.set(split.id, new Acknowledger(options.source, split, this.#heldPositions(split)))
  }

  /**
   * Reads until every bounded split is at its end, or `drain` aborts (what was read is then still committed), or
   * `stop` aborts (it is dropped). Throws the first failure.
   */
  async run(drain: AbortSignal, stop: AbortSignal): Promise<void> {
    const abort = AbortSignal.any([stop, this.#failed.signal])
    const reading = AbortSignal.any([drain, abort])
    const pipes = [...this.#pipes.values()].map(pipe =>
      this.#guard(this.#gathered(reading).then(() => pipe.run(abort))),
    )
    const ended = new AbortController()
    const watch = AbortSignal.any([reading, ended.signal])
    const watching = Promise.all([this.#guard(this.#watchBacklog(watch)), this.#load.watch(watch)])
    const readers = this.#readAll(reading).then(() => this.#pipes.forEach(pipe => pipe.drain()))
    const services = this.#maintain(reading)
    await Promise.allSettled([this.#guard(readers), ...pipes])
    await services.end()
    ended.abort()
    await watching
    await Promise.allSettled(this.#pendingAcknowledgements)
    await Promise.allSettled(this.#options.tables.map(({ writer }) => writer.abort()))
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason
    stop.throwIfAborted()
  }

  /**
   * In a shared job the first commit is to name all splits that are read side by side: one that read them until now and
   * does not know better would commit in between, and what was read of the others be thrown away with that.
   */
  async #gathered(reading: AbortSignal): Promise<void> {
    const { isShared, splits, clock } = this.#options
    if (!isShared || splits.some(({ bounded }) => bounded)) return
    const waitMs = 2 * this.#limits(splits.length).lingerMs
    await clock.sleep(waitMs, AbortSignal.any([reading, this.#allArrived.signal]))
  }

  async #guard(work: Promise<unknown>): Promise<void> {
    await work.catch((error: unknown) => {
      if (!this.#failed.signal.aborted && !isAbort(error)) this.#failed.abort(error)
    })
  }

  #watchBacklog(signal: AbortSignal): Promise<void> {
    const { source, clock, report } = this.#options
    const splits = this.#options.splits.filter(split => !split.bounded)
    const committed = (split: Split): Position | null => this.#acknowledgers.get(split.id)!.floor
    const backlog = {
      source,
      splits,
      committed,
      intervalMs: backlogIntervalMs,
      load: this.#load,
      clock,
      report,
    }
    return watchBacklog(backlog, signal)
  }

  #maintain(reading: AbortSignal): { end: () => Promise<void> } {
    const { tables, clock, report, onServiceFailure = () => undefined } = this.#options
    const ended = new AbortController()
    const named = tables.map(({ granted, writer }) => ({ name: granted.target.name, writer }))
    const maintenance = {
      tables: named,
      intervalMs: serviceIntervalMs,
      clock,
      onFailure: onServiceFailure,
      onWork: (table: string, work: MaintenanceWork) => report({ kind: 'service-work', table, work }),
      onBegin: (table: string) => report({ kind: 'service-begun', table, atMs: clock.nowMs() }),
      onRound: (table: string) => report({ kind: 'service-round', table, atMs: clock.nowMs() }),
    }
    const running = maintainTables(maintenance, AbortSignal.any([reading, ended.signal]))
    return {
      end: () => {
        ended.abort()
        return running
      },
    }
  }

  /** Bounded splits one after another, each at full width; unbounded ones side by side. */
  async #readAll(reading: AbortSignal): Promise<void> {
    const unbounded = this.#options.splits.filter(split => !split.bounded)
    const readers = unbounded.map(split => this.#read(split, this.#limits(unbounded.length), reading))
    const bounded = async (): Promise<void> => {
      for (const split of this.#options.splits.filter(one => one.bounded))
        await this.#read(split, this.#limits(1), reading)
    }
    await Promise.all([bounded(), ...readers].map(reader => this.#guard(reader)))
  }

  #limits(concurrent: number): ReadLimits {
    const { bufferBytesMax, freshnessMs, tables } = this.#options
    const share = bufferBytesMax / (4 * Math.max(concurrent, 1))
    // Where a commit costs as much as the table is large, a small one first would be a poor beginning.
    const isCheap = tables.every(({ writer }) => writer.rewritesOnCommit !== true)
    return {
      chunkBytesMax: Math.floor(Math.min(Math.max(share, chunkBytesMin), 4 * 1024 * 1024)),
      ...(isCheap ? { firstChunkBytesMax: chunkBytesMin } : {}),
      lingerMs: Math.min(Math.max(freshnessMs * 0.05, 20), 1000),
    }
  }

  async #read(split: Split, limits: ReadLimits, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const tables = this.#options.tables
      .filter(({ granted }) => split.tables.includes(granted.source.name))
      .map(({ granted: { source } }): SourceTable => {
        return { ...source, positions: new Map(this.#pipes.get(source.name)!.held) }
      })
    let isFirst = limits.firstChunkBytesMax !== undefined
    let end: Position | null = null
    try {
      for await (const chunk of this.#options.source.read(split, tables, limits, signal)) {
        await this.#distribute(split, chunk, signal)
        end = chunk.position ?? end
        this.#arrived.add(split.id)
        if (this.#arrived.size === this.#options.splits.length) this.#allArrived.abort()
        const { newestAtMs, caughtUp } = chunk
        this.#load.read(split.id, caughtUp)
        // Before the commit is told of: what is read after it counts as not yet in the table.
        this.#options.report({ kind: 'read', split: split.id, newestAtMs, caughtUp })
        this.#options.report({ kind: 'buffered', bytes: this.#budget.usedBytes })
        if (isFirst) await this.#begin(chunk)
        isFirst = false
      }
    } catch (error) {
      if (!signal.aborted || !isAbort(error)) throw error
    }
    this.#load.ended(split.id)
    if (!this.#options.isShared || !split.bounded || signal.aborted) return
    this.#ends.set(split.id, end)
    this.#tellEnd(split.id)
  }

  /** Tells of a bounded split once, when all that was read of it is committed. */
  #tellEnd(split: string): void {
    const end = this.#ends.get(split)
    if (end === undefined) return
    const committed = this.#acknowledgers.get(split)!.floor
    if (end !== null && (committed === null || this.#options.source.compare(committed, end) < 0)) return
    this.#ends.delete(split)
    this.#options.report({ kind: 'reached-end', split })
  }

  /**
   * Waits until the first chunk is committed, so that its way into the table is not held up by the decoding of what
   * comes after it: what is wrong with the target shows soon, and so do the first rows.
   */
  async #begin({ position, changes }: SourceChunk): Promise<void> {
    if (position === null) return
    const written = changes.filter(({ batch, truncate }) => batch.length > 0 || truncate !== null)
    await Promise.all(written.map(({ table }) => this.#pipes.get(table)!.begun))
  }

  /** Hands each table its changes; only the last of a table carries the position, which stands for all of them. */
  async #distribute(split: Split, chunk: SourceChunk, signal: AbortSignal): Promise<void> {
    const { position, newestAtMs, changes } = chunk
    const last = new Map(changes.map((change, index) => [change.table, index]))
    for (const [index, change] of changes.entries()) {
      const at = { position: last.get(change.table) === index ? position : null, newestAtMs }
      await this.#pipes.get(change.table)!.push(split.id, change, at, signal)
    }
    if (position === null) return
    for (const table of split.tables)
      if (!last.has(table) && this.#isAhead(position, table, split))
        await this.#pipes.get(table)?.push(split.id, null, { position, newestAtMs }, signal)
  }

  /** A table that joined later begins further on than the log is read from; it must not be taken back. */
  #isAhead(position: Position, table: string, split: Split): boolean {
    const held = this.#pipes.get(table)?.held.get(split.id) ?? null
    return held === null || this.#options.source.compare(position, held) > 0
  }

  #committed(report: CommitReport): void {
    const { table, result, moved, newestAtMs, oldestAtMs, durationMs } = report
    const { clock } = this.#options
    this.#load.committed(report.rows)
    const freshnessMs = oldestAtMs === null ? null : Math.max(0, clock.nowMs() - oldestAtMs)
    this.#options.report({ kind: 'committed', table, ...result, newestAtMs, freshnessMs, durationMs })
    for (const [split, position] of moved) {
      this.#options.report({ kind: 'moved', split, table, newestAtMs })
      const acknowledgement = this.#guard(this.#acknowledgers.get(split)!.committed(table, position))
      this.#pendingAcknowledgements.add(acknowledgement)
      this.#tellEnd(split)
      void acknowledgement.finally(() => this.#pendingAcknowledgements.delete(acknowledgement))
    }
  }

  #heldPositions(split: Split): Map<string, Position> {
    const held = new Map<string, Position>()
    for (const table of split.tables) {
      const position = this.#pipes.get(table)?.held.get(split.id)
      if (position !== undefined) held.set(table, position)
    }
    return held
  }
}
