// The journal: the one coordinator of a table's writers, and what makes a sync exactly-once. A step is taken by
// creating the next entry, which one of any number of racing writers does; the entry holds the whole step, so
// whoever meets it can finish it. docs/exactly-once.md tells the protocol and why each part of it is there.
//
// One commit without a race is five requests, the first two at once: read hoodie.properties, list the end of the
// timeline, create the entry, list what follows it, create the completed instant.
import { clashingFileGroup, usesNoFileGroup } from './clash.ts'
import type { HashedEntry } from './entry.ts'
import { completeInstant, isOnTimeline } from './complete-instant.ts'
import {
  assertFollows,
  decodeEntry,
  encodeEntry,
  entryPath,
  entrySeq,
  hashBytes,
  journalFolder,
} from './entry.ts'
import { foreignColumns } from './foreign-columns.ts'
import { ForeignWatch } from './foreign-watch.ts'
import { checkpointMoved } from './stored-checkpoint.ts'
import { EntryReader, rememberedEntries } from './entry-reader.ts'
import { InstantAllocator } from './instant-allocator.ts'
import { getSchema, putSchema } from './schema-file.ts'
import type { Sharing } from './sharing.ts'
import type { HeldLock } from './storage-lock.ts'
import { StorageLock } from './storage-lock.ts'
import type { Step, StepResult } from './step.ts'
import { checkOrder, checkPositions, checkStaged, conflict, entryOf, stepOfNothing } from './step.ts'
import { TableGuard } from './table-guard.ts'
import type { TableState } from './table-state.ts'
import { stateAfter } from './table-state.ts'
import { defaultRetention, readHeadHint, trimIfPossible } from './trim.ts'
import type { Retention } from './trim.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import { retry } from '#common/retry.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TableVersion } from '#lake/table/definition.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { laterInstant } from '#lake/timeline/instant.ts'

export interface JournalOptions {
  clock: Clock
  /** Who writes, for people: job, pod, lane. The journal makes it unique. */
  writer: string
  signal: AbortSignal
  retention?: Retention
  /** defaultSharing when absent. */
  sharing?: Sharing
  /** To go on from where Hudi Streamer brought the table, rather than refuse to (adopt.ts). */
  adopts?: boolean
}

/** An entry on its way into the journal. */
interface Claim extends HashedEntry {
  step: Step
  bytes: Uint8Array
}

const retryPolicy = { firstMs: 50, maxMs: 5_000, tries: 8, budgetMs: 30_000 }
/** A writer that does nothing for this long may have slept; younger entries are never trimmed. */
const sleptMsMin = 300_000

export class Journal {
  readonly version: TableVersion
  readonly layout: TimelineLayout
  readonly #store: ObjectStore
  readonly #guard: TableGuard
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #retention: Retention
  readonly #writer: string
  readonly #instants: InstantAllocator
  readonly #entries: EntryReader
  // Set by open(), before anyone has the journal.
  #head!: HashedEntry
  #state!: TableState
  /** When the head was read or made. */
  #adoptedAtMs = 0
  /** Number of the entry up to which all instants are known to be on the timeline. */
  #finished = 0
  /** The claim under way, or the last one if the store did not answer it. */
  #claim: Claim | null = null
  readonly #foreign: ForeignWatch
  readonly #adopts: boolean
  /** Null when no other engine writes at the same time. */
  readonly #lock: StorageLock | null
  /** How many commits of other engines were known when an instant was given out to stage under. */
  readonly #foreignKnown = new Map<InstantTime, number>()

  protected constructor(store: ObjectStore, guard: TableGuard, options: JournalOptions) {
    this.#store = store
    this.#guard = guard
    this.#clock = options.clock
    this.#signal = options.signal
    this.#retention = options.retention ?? defaultRetention
    this.#writer = `${options.writer}/${options.clock.uuid()}`
    this.#instants = new InstantAllocator(store, options.clock)
    this.version = guard.version
    this.layout = guard.layout
    this.#entries = new EntryReader(store)
    this.#foreign = new ForeignWatch(store, guard.layout)
    this.#adopts = options.adopts ?? false
    this.#lock = options.sharing?.concurrency === 'shared' ? StorageLock.of(store, options.clock) : null
  }

  /**
   * Opens the journal of the table at the store's root and finishes what a crashed writer left half done.
   * @throws ConfigError LAKE_TABLE_MISSING, LAKE_JOURNAL_MISSING, LAKE_VERSION_UNSUPPORTED, LAKE_METADATA_TABLE
   */
  static async open(store: ObjectStore, options: JournalOptions): Promise<Journal> {
    const [guard, hint] = await Promise.all([
      TableGuard.open(store, options.sharing?.metadataTable),
      readHeadHint(store),
    ])
    const journal = new this(store, guard, options)
    await journal.#open(Math.max(0, hint - 1))
    return journal
  }

  async #open(after: number): Promise<void> {
    await this.#foreign.begin()
    await this.#readHead(after)
    await this.#foreign.findStreamed(this.#head.entry.lastCompletionTime)
    const { streamed } = this.#foreign
    if (streamed !== null && !this.#adopts) throw checkpointMoved(this.#store.url, streamed)
    this.#state = stateAfter(this.#head.entry, this.#state.schema, this.#foreign.times)
  }

  get state(): TableState {
    return this.#state
  }

  /**
   * True while it is unknown whether the last step was taken, because the store did not answer. Until this is
   * settled (by commit() with the same step), the step's files must stay: they may be part of the table.
   */
  get unsettled(): boolean {
    return this.#claim !== null
  }

  /** Grows whenever commits of other engines are noticed: then file groups may be others than before. */
  get foreignCommits(): number {
    return this.#foreign.count
  }

  /** The columns the table needs because another engine added or widened some; null when it has them. */
  get foreignSchema(): TableSchema | null {
    return foreignColumns(this.#state.schema, this.#foreign.newest, this.#store.url)
  }

  /** A fresh instant, later than all the journal knows and unlike any other writer's. Rarely a request. */
  async nextInstant(): Promise<InstantTime> {
    const { lastInstant, lastCompletionTime } = this.#state
    const known = this.#foreign.count
    const after = laterInstant(lastInstant, lastCompletionTime)
    const instant = await this.#retried(() => this.#instants.next(after))
    this.#foreignKnown.set(instant, known)
    if (this.#foreignKnown.size > rememberedEntries)
      this.#foreignKnown.delete(this.#foreignKnown.keys().next().value!)
    return instant
  }

  /** Reads what others did meanwhile. @throws ConfigError as commit() does */
  refresh(): Promise<TableState> {
    return this.#retried(async () => {
      await Promise.all([this.#guard.check(), this.#lookAround()])
      return this.#readHead(this.#head.entry.seq)
    })
  }

  /**
   * Takes the step, all of it or nothing. After a ConflictError, FencedError or ConfigError nothing of it is or
   * will be in the table (unless `unsettled`); after a TransientError or an abort that is unknown, and the same
   * step may be given again.
   * @throws ConflictError COMMIT_CONFLICT when it was staged against a state that is gone
   * @throws FencedError WRITER_FENCED when a split does not stand where its move starts
   * @throws ConfigError LAKE_VERSION_CHANGED, LAKE_METADATA_TABLE when another engine changed the table,
   * LAKE_TABLE_MISSING when it was removed, or made anew since the journal was opened
   * @throws TransientError LAKE_LOCK_HELD when another engine does not let go of the table's lock
   */
  commit(step: Step): Promise<StepResult> {
    if (this.#lock === null || step.action === null) return this.#retried(() => this.#take(step, null))
    return this.#lock.hold(this.#signal, lock => this.#retried(() => this.#take(step, lock)))
  }

  /** Does what other engines do to the timeline under the table's lock, too; `lock` is null where it is not shared. */
  underLock<T>(work: (lock: HeldLock | null) => Promise<T>): Promise<T> {
    return this.#lock === null ? work(null) : this.#lock.hold(this.#signal, work)
  }

  #retried<T>(work: () => Promise<T>): Promise<T> {
    return retry(work, retryPolicy, { clock: this.#clock, signal: this.#signal })
  }

  async #take(step: Step, lock: HeldLock | null): Promise<StepResult> {
    await this.#finishHead()
    await Promise.all([this.#guard.check(), this.#lookAround()])
    const schemaId = step.schema === undefined ? null : await putSchema(this.#store, step.schema)
    for (;;) {
      const taken = await this.#settle(step)
      if (taken !== null) return taken
      this.#signal.throwIfAborted()
      if (this.#isOvertaken()) {
        await this.#block(step)
        continue
      }
      await this.check(step)
      lock?.assertHeld()
      this.#claim ??= this.#claimFor(step, schemaId)
      const { entry, bytes } = this.#claim
      const created = await this.#store.putIfAbsent(entryPath(entry.seq), bytes)
      if (created) {
        const result = await this.#verify(this.#claim)
        if (result !== null) return result
      } else await Promise.all([this.#readHead(this.#head.entry.seq), this.#lookAround()])
    }
  }

  /** Whether another engine went on past the completion time of a claim that may still be on its way. */
  #isOvertaken(): boolean {
    const completionTime = this.#claim?.entry.instant?.completionTime
    if (completionTime === undefined || this.#head.entry.seq >= this.#claim!.entry.seq) return false
    return laterInstant(this.#state.lastInstant, this.#state.lastCompletionTime) >= completionTime
  }

  /** Has the claim's number taken by an entry of nothing, unless the claim was there before: then it is settled. */
  async #block(step: Step): Promise<void> {
    const { entry, bytes } = this.#claimFor(stepOfNothing(step), null)
    await this.#store.putIfAbsent(entryPath(entry.seq), bytes)
    await this.#readHead(this.#head.entry.seq)
  }

  /** Takes note of what other engines did. */
  async #lookAround(): Promise<void> {
    await this.#foreign.look(instant => this.#entries.hasInstant(instant))
    this.#state = stateAfter(this.#head.entry, this.#state.schema, this.#foreign.times)
  }

  #claimFor(step: Step, schemaId: string | null): Claim {
    const entry = entryOf(step, {
      head: this.#head,
      state: this.#state,
      writer: this.#writer,
      layout: this.layout,
      nowMs: this.#clock.nowMs(),
      stagedAgeMsMax: this.#retention.stagedAgeMsMax,
      schemaId,
    })
    assertFollows(this.#head, entry)
    const bytes = encodeEntry(entry)
    return { step, entry, bytes, hash: hashBytes(bytes) }
  }

  /** Finds out what became of an earlier claim. Null: it was not taken, or there is none, or it may be tried again. */
  async #settle(step: Step): Promise<StepResult | null> {
    const claim = this.#claim
    if (claim === null) return null
    if (this.#head.entry.seq < claim.entry.seq) await this.#readHead(this.#head.entry.seq)
    const there = this.#head.entry.seq < claim.entry.seq ? null : await this.#entries.get(claim.entry.seq)
    if (there === null && this.#head.entry.seq < claim.entry.seq) {
      // The request may still be under way: either this entry is tried again, or whatever takes its number wins.
      if (claim.step !== step) this.#claim = null
      return null
    }
    const result = there === null || there.hash === claim.hash ? await this.#verify(claim) : null
    this.#claim = null
    return claim.step === step ? result : null
  }

  /** Whether the table, as it is now, lets the step be taken. */
  protected async check(step: Step): Promise<void> {
    checkPositions(this.#state, step.moves)
    checkStaged(this.#state, step)
    if (this.layout === 1) checkOrder(this.#state, step)
    this.#checkForeign(step)
    if (usesNoFileGroup(step.fileGroups)) return
    for (const { entry } of await this.#entries.between(step.stagedAt, this.#head.entry.seq)) {
      const group = clashingFileGroup(step.fileGroups, entry.fileGroups, this.layout)
      if (group !== null)
        throw conflict(`Another writer changed file group ${group}`, { seq: entry.seq, fileGroup: group })
    }
  }

  #checkForeign({ instant, fileGroups }: Step): void {
    const { streamed } = this.#foreign
    if (streamed !== null && !this.#adopts) throw checkpointMoved(this.#store.url, streamed)
    if (instant === null) return
    if (this.#foreign.hasInstant(instant) && !this.#entries.hasInstant(instant))
      throw conflict('Another engine took the same instant', { instant })
    if (this.#lock !== null) this.#foreign.checkVisible(instant, fileGroups)
    this.#foreign.checkFileGroups(fileGroups, this.#foreignKnown.get(instant) ?? 0)
    if (this.foreignSchema !== null) throw conflict('Another engine changed the columns', { instant })
  }

  /**
   * Whether a created entry is part of the chain, and the end of the step if so. It is not when the writer slept
   * so long that the numbers it knew were trimmed: then it made anew an entry whose number was long taken.
   */
  async #verify(claim: Claim): Promise<StepResult | null> {
    const { entry, step, hash } = claim
    const following = await this.#firstAfter(entry.seq)
    const isHead = following === null
    const next = following === entry.seq + 1 ? await this.#entries.get(following) : null
    const stands =
      isHead ||
      (next === null ? await isOnTimeline(this.#store, this.layout, entry) : next.entry.predecessor === hash)
    if (!stands) {
      await this.#store.delete([entryPath(entry.seq)])
      this.#claim = null
      await this.#readHead(entry.seq)
      // With positions the next check tells whether the step was taken after all; without, nobody can.
      if (step.moves.length === 0) throw conflict('Slept past a trim of the journal', { seq: entry.seq })
      return null
    }
    // Whoever went on from our entry has finished it first.
    if (isHead) this.#adopt({ entry, hash }, step.schema ?? this.#state.schema)
    else await this.#readHead(entry.seq)
    await this.#finishHead()
    this.#claim = null
    if (entry.seq % this.#retention.trimEvery === 0)
      await trimIfPossible(this.#store, { ...this.#state, nowMs: this.#clock.nowMs() }, this.#retention)
    return { seq: entry.seq, completionTime: entry.instant?.completionTime ?? null }
  }

  /** The number of the first entry after this one, or null when it is the last. */
  async #firstAfter(seq: number): Promise<number | null> {
    for await (const { path } of this.#store.list(journalFolder, entryPath(seq))) {
      const found = entrySeq(path)
      if (found !== null) return found
    }
    return null
  }

  /** Goes to the newest entry, and writes its instant should its writer not have come to it. */
  async #readHead(after: number): Promise<TableState> {
    for (;;) {
      let last: number | null = null
      for await (const { path } of this.#store.list(journalFolder, entryPath(after)))
        last = entrySeq(path) ?? last
      if (last === null) {
        if (this.#head !== undefined) break
        throw new ConfigError(`The table at ${this.#store.url} was not made by Sluice`, {
          code: 'LAKE_JOURNAL_MISSING',
          context: { table: this.#store.url },
        })
      }
      const bytes = await this.#store.get(entryPath(last))
      // Gone between the listing and the reading: it was trimmed, so there are newer ones.
      if (bytes === null) continue
      const head = decodeEntry(bytes, last)
      const schema =
        head.entry.schemaId === this.#state?.schemaId
          ? this.#state.schema
          : await getSchema(this.#store, head.entry.schemaId)
      this.#adopt(head, schema)
      break
    }
    await this.#finishHead()
    return this.#state
  }

  #adopt(head: HashedEntry, schema: TableSchema): void {
    if (this.#head?.entry.seq === head.entry.seq - 1) assertFollows(this.#head, head.entry)
    this.#head = head
    this.#adoptedAtMs = this.#clock.nowMs()
    this.#entries.add(head)
    this.#state = stateAfter(head.entry, schema, this.#foreign.times)
  }

  /** Puts the head's completed instant on the timeline, before anything is built on it. */
  async #finishHead(): Promise<void> {
    const { seq, instant } = this.#head.entry
    if (this.#finished >= seq) return
    if (instant !== null && !this.#foreign.foundDone(this.#head.entry) && !(await this.#isLongPast()))
      await completeInstant(this.#head.entry, {
        lastCompletionTime: this.#foreign.times.completionTime,
        store: this.#store,
        layout: this.layout,
        clock: this.#clock,
      })
    this.#finished = seq
  }

  /**
   * Whether the head was read so long ago that the journal has been trimmed past it. Then its instant was put on the
   * timeline and may have been taken off again; made anew it would stand before what is left of the timeline.
   */
  async #isLongPast(): Promise<boolean> {
    const ageMs = this.#clock.nowMs() - this.#adoptedAtMs
    return ageMs > sleptMsMin && (await this.#store.get(entryPath(this.#head.entry.seq))) === null
  }
}
