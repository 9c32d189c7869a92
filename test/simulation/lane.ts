// A writer of the simulated table: reads rows of its splits on from where the table stands, stages them, commits,
// acknowledges. It treats errors as the worker does, and is as careless as it is allowed to be.
import { RowStager } from './file-groups.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'
import { rowNames } from './world.ts'
import type { PositionMove } from '#catalog/position.ts'
import type { Clock } from '#common/clock.ts'
import { ConflictError, FencedError, TransientError, isAbort } from '#common/errors.ts'
import type { Journal } from '#lake/journal/journal.ts'
import type { Step } from '#lake/journal/step.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'

interface Staged {
  step: Step
  paths: readonly string[]
}

export class Lane {
  readonly #world: World
  readonly #process: Process
  readonly #store: ObjectStore
  readonly #splits: readonly string[]
  #journal!: Journal
  #stager!: RowStager

  constructor(world: World, process: Process, store: ObjectStore, splits: readonly string[]) {
    this.#world = world
    this.#process = process
    this.#store = store
    this.#splits = splits
  }

  /** Works until its splits are at their end (true), or it has to stop before (false). */
  async run(): Promise<boolean> {
    const { clock, signal, name } = this.#process
    const { openJournal, retention, style } = this.#world
    try {
      this.#journal = await openJournal(this.#store, { clock, signal, writer: name, retention })
      this.#stager = new RowStager(this.#store, this.#process, style, this.#journal.layout)
      while (!this.#isDone()) {
        signal.throwIfAborted()
        await this.#turn()
        await pause(this.#world, clock)
      }
      return true
    } catch (error) {
      if (error instanceof FencedError || error instanceof TransientError || isAbort(error)) return false
      throw error
    }
  }

  #isDone(): boolean {
    return this.#splits.every(split => this.#position(split) === this.#world.ends.get(split))
  }

  #position(split: string): number {
    return Number(this.#journal.state.positions.get(split) ?? 0)
  }

  async #turn(): Promise<void> {
    const { random } = this.#world.scheduler
    try {
      if (random.chance(0.05)) await this.#journal.refresh()
      const staged = random.chance(0.05) ? this.#schemaChange() : await this.#stage()
      await this.#commit(staged)
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
      await this.#journal.refresh()
    }
  }

  async #stage(): Promise<Staged> {
    const { random } = this.#world.scheduler
    // What the step is judged by is taken before anything is read.
    const { seq: stagedAt, schemaVersion } = this.#journal.state
    const unfinished = this.#splits.filter(split => this.#position(split) !== this.#world.ends.get(split))
    const chosen = unfinished.filter(() => random.chance(0.7))
    const moves = (chosen.length > 0 ? chosen : unfinished).map(split => this.#move(split))
    const rows = moves.flatMap(({ split, from, to }) =>
      split.startsWith('idle/') ? [] : rowNames(split, Number(from ?? 0), Number(to)),
    )
    const step = {
      moves,
      fileGroups: {},
      stagedAt,
      schemaVersion,
      instant: null,
      action: null,
      metadata: null,
    }
    if (rows.length === 0) return { step: { ...step, kind: 'advance' }, paths: [] }
    const instant = await this.#journal.nextInstant()
    const { paths, use } = await this.#stager.stage(rows, instant)
    const action = this.#world.style === 'merge' ? 'deltacommit' : 'commit'
    const metadata = metadataOf(paths, 'UPSERT')
    return { step: { ...step, kind: 'commit', instant, action, metadata, fileGroups: use }, paths }
  }

  #move(split: string): PositionMove {
    const { ends, scheduler } = this.#world
    const from = this.#position(split)
    const to = Math.min(ends.get(split)!, from + scheduler.random.between(1, 5))
    return { split, from: this.#journal.state.positions.get(split) ?? null, to: String(to) }
  }

  #schemaChange(): Staged {
    const { seq, schema, schemaVersion } = this.#journal.state
    const column = { name: `column_${schemaVersion}`, type: { kind: 'string' as const }, nullable: true }
    const wider = { ...schema, columns: [...schema.columns, column] }
    const step = {
      kind: 'schema' as const,
      instant: null,
      action: null,
      metadata: null,
      moves: [],
      fileGroups: {},
    }
    return { step: { ...step, stagedAt: seq, schemaVersion, schema: wider }, paths: [] }
  }

  async #commit({ step, paths }: Staged): Promise<void> {
    const { random } = this.#world.scheduler
    for (;;) {
      try {
        await this.#journal.commit(step)
        for (const { split, to } of step.moves)
          if (!split.startsWith('idle/')) this.#world.checks.checkAcknowledged(split, to!)
        return
      } catch (error) {
        // The store does not answer: try the same step again, or give up and leave all as it is.
        if (error instanceof TransientError && random.chance(0.5)) continue
        if (!this.#journal.unsettled && paths.length > 0) await this.#store.delete(paths)
        throw error
      }
    }
  }
}

/** Hours go by in some worlds, so that states of the past get older than the retention. */
export async function pause({ paceMsMax, scheduler }: World, clock: Clock): Promise<void> {
  if (paceMsMax > 0) await clock.sleep(scheduler.random.between(1, paceMsMax))
}

export function metadataOf(
  paths: readonly string[],
  operationType: string,
  prevCommit = 'null',
): CommitMetadata {
  const stats = paths.map(path => ({
    fileId: path,
    path,
    prevCommit,
    partitionPath: '',
    fileSizeInBytes: 1,
    numWrites: 1,
  }))
  return {
    partitionToWriteStats: { '': stats },
    compacted: operationType === 'COMPACT',
    extraMetadata: {},
    operationType,
  }
}
