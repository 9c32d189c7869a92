// The journal: the one coordinator of a table's writers, and what makes a sync exactly-once. A step is taken by
// creating the next entry, which one of any number of racing writers does; the entry holds the whole step, so
// whoever meets it can finish it. docs/exactly-once.md tells the protocol and why each part of it is there.
//
// One commit without a race is four requests: read hoodie.properties, create the entry, list what follows it,
// create the completed instant.
import { clashingFileGroup, usesNoFileGroup } from './clash.ts'
import type { EntryInstant, HashedEntry, JournalEntry } from './entry.ts'
import {
  assertFollows,
  decodeEntry,
  encodeEntry,
  entryPath,
  entrySeq,
  hashBytes,
  journalFolder,
} from './entry.ts'
import { placeFiles } from './placement.ts'
import { InstantAllocator } from './instant-allocator.ts'
import { getSchema, putSchema } from './schema-file.ts'
import type { Step } from './step.ts'
import { checkPositions, checkStaged, entryOf } from './step.ts'
import { TableGuard } from './table-guard.ts'
import type { ForeignTimes, TableState } from './table-state.ts'
import { stateAfter } from './table-state.ts'
import { defaultRetention, readHeadHint, trimJournal } from './trim.ts'
import type { Retention } from './trim.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import type { ErrorContext } from '#common/errors.ts'
import { ConfigError, ConflictError, TransientError } from '#common/errors.ts'
import { retry } from '#common/retry.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TableVersion } from '#lake/table/definition.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import { completedPath } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { firstInstant, formatInstant, laterInstant, parseInstant } from '#lake/timeline/instant.ts'
import { latestTimes, loadTimeline } from '#lake/timeline/timeline.ts'

export interface JournalOptions {
  clock: Clock
  /** Who writes, for people: job, pod, lane. The journal makes it unique. */
  writer: string
  signal: AbortSignal
  retention?: Retention
}

export interface StepResult {
  seq: number
  /** Null when no file was made visible. */
  completionTime: InstantTime | null
}

/** An entry on its way into the journal. */
interface Claim extends HashedEntry {
  step: Step
  bytes: Uint8Array
}

const parallelReads = 16
const rememberedEntries = 512
const retryPolicy = { firstMs: 50, maxMs: 5_000, tries: 8 }
/** How far before the journal's last instant the timeline is searched for other engines' instants. */
const foreignWindowMs = 3_600_000
/** A writer that does nothing for this long may have slept; younger entries are never trimmed. */
const sleptMsMin = 300_000
/** Layout 1 readers place logs by the file time of the completed instant, which stores keep to the second. */
const fileTimeGranularityMs = 1_000

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
  readonly #entries = new Map<number, HashedEntry>()
  // Set by open(), before anyone has the journal.
  #head!: HashedEntry
  #state!: TableState
  /** When the head was read or made. */
  #adoptedAtMs = 0
  /** Number of the entry up to which all instants are known to be on the timeline. */
  #finished = 0
  /** The claim under way, or the last one if the store did not answer it. */
  #claim: Claim | null = null
  #foreign: ForeignTimes = { instant: firstInstant, completionTime: firstInstant }

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
  }

  /**
   * Opens the journal of the table at the store's root and finishes what a crashed writer left half done.
   * @throws ConfigError LAKE_TABLE_MISSING, LAKE_JOURNAL_MISSING, LAKE_VERSION_UNSUPPORTED, LAKE_METADATA_TABLE
   */
  static async open(store: ObjectStore, options: JournalOptions): Promise<Journal> {
    const [guard, hint] = await Promise.all([TableGuard.open(store), readHeadHint(store)])
    const journal = new this(store, guard, options)
    await journal.#open(Math.max(0, hint - 1))
    return journal
  }

  async #open(after: number): Promise<void> {
    await this.#readHead(after)
    const { lastInstant } = this.#state
    const searchedFrom = formatInstant(parseInstant(lastInstant) - foreignWindowMs)
    this.#foreign = latestTimes(await loadTimeline(this.#store, this.layout, searchedFrom))
    this.#state = stateAfter(this.#head.entry, this.#state.schema, this.#foreign)
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

  /** A fresh instant, later than all the journal knows and unlike any other writer's. Rarely a request. */
  nextInstant(): Promise<InstantTime> {
    const { lastInstant, lastCompletionTime } = this.#state
    return this.#retried(() => this.#instants.next(laterInstant(lastInstant, lastCompletionTime)))
  }

  /** Reads what others did meanwhile. @throws ConfigError as commit() does */
  refresh(): Promise<TableState> {
    return this.#retried(async () => {
      await this.#guard.check()
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
   */
  commit(step: Step): Promise<StepResult> {
    return this.#retried(() => this.#take(step))
  }

  #retried<T>(work: () => Promise<T>): Promise<T> {
    return retry(work, retryPolicy, { clock: this.#clock, signal: this.#signal })
  }

  async #take(step: Step): Promise<StepResult> {
    await this.#finishHead()
    await this.#guard.check()
    const schemaId = step.schema === undefined ? null : await putSchema(this.#store, step.schema)
    for (;;) {
      const taken = await this.#settle(step)
      if (taken !== null) return taken
      this.#signal.throwIfAborted()
      await this.check(step)
      this.#claim ??= this.#claimFor(step, schemaId)
      const { entry, bytes } = this.#claim
      const created = await this.#store.putIfAbsent(entryPath(entry.seq), bytes)
      if (created) {
        const result = await this.#verify(this.#claim)
        if (result !== null) return result
      } else await this.#readHead(this.#head.entry.seq)
    }
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
    const there = this.#head.entry.seq < claim.entry.seq ? null : await this.#entry(claim.entry.seq)
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
    if (usesNoFileGroup(step.fileGroups)) return
    for (const { entry } of await this.#entriesAfter(step.stagedAt)) {
      const group = clashingFileGroup(step.fileGroups, entry.fileGroups, this.layout)
      if (group !== null)
        throw conflict(`Another writer changed file group ${group}`, { seq: entry.seq, fileGroup: group })
    }
  }

  /**
   * Whether a created entry is part of the chain, and the end of the step if so. It is not when the writer slept
   * so long that the numbers it knew were trimmed: then it made anew an entry whose number was long taken.
   */
  async #verify(claim: Claim): Promise<StepResult | null> {
    const { entry, step, hash } = claim
    const following = await this.#firstAfter(entry.seq)
    const isHead = following === null
    const next = following === entry.seq + 1 ? await this.#entry(following) : null
    const stands =
      isHead || (next === null ? await this.#isOnTimeline(entry) : next.entry.predecessor === hash)
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
    if (entry.seq % this.#retention.trimEvery === 0) await this.#trim()
    return { seq: entry.seq, completionTime: entry.instant?.completionTime ?? null }
  }

  async #isOnTimeline({ instant }: JournalEntry): Promise<boolean> {
    if (instant === null) return false
    const path = completedPath(this.layout, instant.action, instant.time, instant.completionTime)
    return (await this.#store.get(path)) !== null
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
      const head = decodeEntry(bytes)
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
    this.#remember(head)
    this.#state = stateAfter(head.entry, schema, this.#foreign)
  }

  /** Puts the head's completed instant on the timeline, before anything is built on it. */
  async #finishHead(): Promise<void> {
    const { seq, instant } = this.#head.entry
    if (this.#finished >= seq) return
    if (instant !== null && !(await this.#isLongPast())) {
      if (this.layout === 1) {
        const waitMs = parseInstant(instant.time) + fileTimeGranularityMs - this.#clock.nowMs()
        if (waitMs > 0) await this.#clock.sleep(waitMs)
      }
      await this.#complete(instant, this.#head.entry)
    }
    this.#finished = seq
  }

  /**
   * New rows come into view with their instant, so their files are there before it. A compaction changes no rows: its
   * instant goes first, and each of its files takes over the moment it appears.
   */
  async #complete(instant: EntryInstant, { kind, placements = [] }: JournalEntry): Promise<void> {
    if (kind !== 'compact') await placeFiles(this.#store, placements)
    const path = completedPath(this.layout, instant.action, instant.time, instant.completionTime)
    await this.#store.putIfAbsent(path, Buffer.from(instant.body, 'base64'))
    if (kind === 'compact') await placeFiles(this.#store, placements)
  }

  /**
   * Whether the head was read so long ago that the journal has been trimmed past it. Then its instant was put on the
   * timeline and may have been taken off again; made anew it would stand before what is left of the timeline.
   */
  async #isLongPast(): Promise<boolean> {
    const ageMs = this.#clock.nowMs() - this.#adoptedAtMs
    return ageMs > sleptMsMin && (await this.#store.get(entryPath(this.#head.entry.seq))) === null
  }

  /** The entries after this one up to the head, if they are an unbroken chain. @throws ConflictError */
  async #entriesAfter(seq: number): Promise<HashedEntry[]> {
    const chain: HashedEntry[] = []
    const last = this.#head.entry.seq
    for (let from = seq + 1; from <= last; from += parallelReads) {
      const count = Math.min(parallelReads, last - from + 1)
      const read = await Promise.all(Array.from({ length: count }, (_, i) => this.#entry(from + i)))
      for (const at of read) {
        const before = chain.at(-1)
        if (at === null || (before !== undefined && at.entry.predecessor !== before.hash))
          throw conflict('Staged so long ago that what was done since is no longer known', { stagedAt: seq })
        chain.push(at)
      }
    }
    return chain
  }

  async #entry(seq: number): Promise<HashedEntry | null> {
    const known = this.#entries.get(seq)
    if (known !== undefined) return known
    const bytes = await this.#store.get(entryPath(seq))
    if (bytes === null) return null
    const read = decodeEntry(bytes)
    this.#remember(read)
    return read
  }

  #remember({ entry, hash }: HashedEntry): void {
    const instant = entry.instant && { ...entry.instant, body: '' }
    this.#entries.set(entry.seq, { entry: { ...entry, instant }, hash })
    if (this.#entries.size > rememberedEntries) this.#entries.delete(this.#entries.keys().next().value!)
  }

  async #trim(): Promise<void> {
    const { seq, instantFloor } = this.#state
    try {
      await trimJournal(this.#store, { seq, instantFloor, nowMs: this.#clock.nowMs() }, this.#retention)
    } catch (error) {
      // The step is taken; the next one to trim removes what this one left.
      if (!(error instanceof TransientError)) throw error
    }
  }
}

function conflict(message: string, context: ErrorContext): ConflictError {
  return new ConflictError(message, { code: 'COMMIT_CONFLICT', context })
}
