// The commit of a copy-on-write table: the base files of all file groups that were changed are made anew, with the
// changes in them, and committed. When another writer rewrote one of them meanwhile, the journal refuses the commit;
// the changes are then merged into what that one left. They hold whatever the base file, so nothing is read or
// decoded again.
import type { PositionMove } from '#catalog/position.ts'
import type { Clock } from '#common/clock.ts'
import { ConflictError } from '#common/errors.ts'
import type { Journal } from '#lake/journal/journal.ts'
import type { Step } from '#lake/journal/step.ts'
import { checkPositions, checkStaged, conflict } from '#lake/journal/step.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import { parseDataFile } from '#lake/reader/data-file.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import { Pace } from '#lake/services/pace.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { WriteStat } from '#lake/timeline/commit-metadata.ts'
import type { TableDefinition } from './definition.ts'
import { layoutOf } from './definition.ts'
import { baseFileName, dataFilePath, fileGroupKey, newWriteToken, parseFileGroupKey } from './names.ts'
import { advanceStep, PendingCommit } from './pending-commit.ts'
import type { RewriteCounts } from './rewrite-base.ts'
import { nothingChanged, rewriteBase } from './rewrite-base.ts'
import { SliceHeads } from './slice-heads.ts'
import type { StagedFile } from './staged-files.ts'
import { storedAt } from './staged-files.ts'
import { TableFiles } from './table-files.ts'

export interface RewriteContext {
  store: ObjectStore
  definition: TableDefinition
  journal: Journal
  clock: Clock
}

/** Each refusal means that another writer got on; so many in a row are left to the caller. */
const triesMax = 5

export class RewritingCommit {
  readonly #changes: PendingCommit
  readonly #context: RewriteContext
  #rewrite: PendingCommit | null = null
  /** Given to the journal again, as it is, when it is not known what became of it. */
  #step: Step | null = null

  /** @param changes staged by copy-on-write-stage.ts */
  constructor(changes: PendingCommit, context: RewriteContext) {
    this.#changes = changes
    this.#context = context
  }

  /**
   * Errors as those of TableWriter.commit(). Call it again with the same arguments after a TransientError, or discard.
   * Returns the commit as it was made; null when the changes changed nothing.
   */
  async commit(
    moves: readonly PositionMove[],
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<PendingCommit | null> {
    const { journal, store } = this.#context
    await this.#changes.staged.settle()
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted()
      this.#step ??= await this.#makeStep(moves, metadata, signal)
      try {
        await journal.commit(this.#step)
        break
      } catch (error) {
        if (!(error instanceof ConflictError) || journal.unsettled || tries === triesMax) throw error
        await this.#drop()
      }
    }
    // What is left of them is cleaned up in time.
    await store.delete(this.#changes.staged.files.map(storedAt)).catch(() => undefined)
    return this.#rewrite?.isEmpty === false ? this.#rewrite : null
  }

  /** Removes what was written, unless it may be part of the table. */
  async discard(): Promise<void> {
    if (!this.#context.journal.unsettled) await this.#drop()
  }

  async #drop(): Promise<void> {
    const rewrite = this.#rewrite
    // First: a step whose files may be gone must not be given to the journal again.
    this.#rewrite = this.#step = null
    // What stays is cleaned up in time.
    await rewrite?.discard(this.#context.clock.nowMs()).catch(() => undefined)
  }

  async #makeStep(
    moves: readonly PositionMove[],
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Step> {
    const { journal } = this.#context
    const state = await journal.refresh()
    // Known before the work is done rather than after.
    checkPositions(state, moves)
    checkStaged(state, this.#changes.stagedAs)
    await this.#drop()
    this.#rewrite = await this.#rewriteGroups(signal)
    return this.#rewrite.isEmpty ? advanceStep(journal.state, moves) : this.#rewrite.step(moves, metadata)
  }

  async #rewriteGroups(signal: AbortSignal): Promise<PendingCommit> {
    const { store, definition, journal } = this.#context
    const { state } = journal
    // Later than all that is in the table, or the new base files would not be the newest.
    const instant = await journal.nextInstant()
    const rewrite = new PendingCommit(store, definition, { instant, state })
    this.#rewrite = rewrite
    const files = await TableFiles.load(store, layoutOf(definition.version))
    const heads = new SliceHeads(files, this.#context.clock)
    for (const group of this.#changes.changedGroups) {
      signal.throwIfAborted()
      const { partitionPath, fileId } = parseFileGroupKey(group)
      if (!heads.isCurrent(partitionPath, fileId))
        throw conflict('Another engine made or retired the file group of the bucket', { fileGroup: group })
      await this.#rewriteGroup(group, files.slice(group), { rewrite, signal })
    }
    await rewrite.staged.settle()
    return rewrite
  }

  async #rewriteGroup(
    group: string,
    slice: FileSlice | null,
    { rewrite, signal }: { rewrite: PendingCommit; signal: AbortSignal },
  ): Promise<void> {
    const { store, definition, clock } = this.#context
    const base = slice?.base ?? null
    const { instant } = rewrite
    if (base !== null && base.instant >= instant)
      throw new ConflictError(`The newest base file of ${group} is as young as its rewrite would be`, {
        code: 'COMMIT_CONFLICT',
        context: { fileGroup: group, base: base.instant, instant },
      })
    const changes = this.#changesOf(group)
    const { fileId, partitionPath } = changes[0]!
    const pace = new Pace(clock, signal)
    const fileName = baseFileName({ fileId, writeToken: newWriteToken(clock), instant })
    const path = dataFilePath(partitionPath, fileName)
    const chunks = rewriteBase({
      store,
      base,
      changes,
      schema: rewrite.schema,
      avroSchema: rewrite.avroSchema,
      orderingField: definition.orderingField,
      file: { instant, fileNumber: rewrite.nextFileNumber(), partitionPath, fileName },
      pause: () => pace.pause(),
    })
    const written = await putRewritten(store, path, chunks)
    if (written === null) return
    const stat: WriteStat = {
      fileId,
      path,
      prevCommit: base?.instant ?? 'null',
      partitionPath,
      fileSizeInBytes: written.sizeBytes,
      totalWriteBytes: written.sizeBytes,
      numWrites: written.rows,
      numInserts: written.inserts,
      numUpdateWrites: written.updates,
      numDeletes: written.deletes,
    }
    const file: StagedFile = { stat, kind: 'base', rows: written.rows }
    rewrite.addStored(file, { group, as: base === null ? 'created' : 'rewritten' })
  }

  #changesOf(group: string): DataFile[] {
    return this.#changes.staged.files.flatMap(staged => {
      const { stat } = staged
      if (fileGroupKey(stat.partitionPath, stat.fileId) !== group) return []
      const file = parseDataFile({ path: stat.path, sizeBytes: stat.fileSizeInBytes })
      return file === null ? [] : [{ ...file, path: storedAt(staged) }]
    })
  }
}

/** Null: there is no file, since the changes change nothing. */
async function putRewritten(
  store: ObjectStore,
  path: string,
  rewrite: AsyncGenerator<Uint8Array, RewriteCounts>,
): Promise<(RewriteCounts & { sizeBytes: number }) | null> {
  let sizeBytes = 0
  let counts: RewriteCounts | null = null
  async function* counted(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const { done, value } = await rewrite.next()
      if (done) {
        counts = value
        return
      }
      sizeBytes += value.length
      yield value
    }
  }
  try {
    await store.putStream(path, counted())
  } catch (error) {
    if (error === nothingChanged) return null
    throw error
  }
  return { ...counts!, sizeBytes }
}
